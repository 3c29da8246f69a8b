// How an answer is drawn: painted once per animation frame, as plain text or as Markdown. All text is put in with textContent
// or appendData.

import { element } from "./dom.js";
import { LONGEST_MARKDOWN, lastBlock, renderMarkdown } from "./markdown.js";

/** @typedef {import("./channel.js").Channel} Channel */
/** @typedef {import("./channel.js").Mark} Mark */

const LONGEST_NODE = 20000;
const MARKDOWN_EVERY_MS = 100;
const MARKDOWN_SHARE = 8; // of the time, Markdown of a growing answer takes at most one in so many

export class Drawing {
  // `blocks` is where the text goes. `onPainted` is called after each change of what is to be seen.
  /**
   * @param {HTMLElement} blocks
   * @param {() => void} onPainted
   */
  constructor(blocks, onPainted = () => {}) {
    this.blocks = blocks;
    this.onPainted = onPainted;
    /** @type {Channel | null} */
    this.channel = null;
    /** @type {Block[]} */
    this.drawn = [];
    this.drawnPieces = 0;
    this.open = -2;
    this.frame = 0;
    this.markdownTimer = 0;
    this.markdownTook = 0;
    this.markdownOn = false;
    this.whole = false;
    this.listener = () => this.paintSoon();
  }

  // From now on show this answer. The text of the one before goes at once.
  /** @param {Channel} channel */
  attach(channel) {
    if (channel === this.channel) return;
    this.detach();
    this.channel = channel;
    this.drawn = [];
    this.drawnPieces = 0;
    this.open = -2;
    this.blocks.replaceChildren();
    channel.listeners.add(this.listener);
    this.paintSoon();
  }

  detach() {
    this.channel?.listeners.delete(this.listener);
    this.channel = null;
  }

  paintSoon() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    const { pieces, marks } = this.channel ?? { pieces: [], marks: [] };
    for (; this.drawnPieces < pieces.length; this.drawnPieces++) {
      const { text, mark } = pieces[this.drawnPieces];
      if (mark !== this.open) {
        this.open = mark;
        this.drawn.push(new Block(marks[mark]));
        this.blocks.append(this.drawn.at(-1).root);
      }
      this.drawn.at(-1).append(text);
    }
    if (this.markdownOn) this.markdownSoon();
    this.onPainted();
  }

  // Draw the text as Markdown, or as it is. Of an answer that grows only the last block is drawn anew.
  /**
   * @param {boolean} on
   * @param {boolean} whole
   */
  showMarkdown(on, whole) {
    this.markdownOn = on;
    this.whole = whole;
    this.paint();
    clearTimeout(this.markdownTimer);
    this.markdownTimer = 0;
    if (on) this.drawMarkdown();
    else for (const block of this.drawn) block.showPlain();
  }

  markdownSoon() {
    if (this.markdownTimer) return;
    const pause = Math.max(MARKDOWN_EVERY_MS, MARKDOWN_SHARE * this.markdownTook);
    this.markdownTimer = setTimeout(() => {
      this.markdownTimer = 0;
      if (this.markdownOn) this.drawMarkdown();
    }, pause);
  }

  drawMarkdown() {
    const began = performance.now();
    for (const block of this.drawn) block.showMarkdown(this.whole);
    this.markdownTook = performance.now() - began;
    this.onPainted();
  }
}

// A text, thought, tool call or unknown block, as plain text and, where it is text, as Markdown in its place.
class Block {
  /** @param {Mark | undefined} mark */
  constructor(mark) {
    this.kind = mark ? mark[1] : "text";
    this.root = element("div", `tz-block tz-block-${this.kind}`);
    if (mark && mark[2]) this.root.append(element("div", "tz-label", mark[2]));
    this.pre = element("pre", "tz-text");
    this.pre.dir = "auto";
    this.root.append(this.pre);
    this.text = "";
    /** @type {Text | null} */
    this.node = null;
    /** @type {HTMLElement | null} */
    this.markdown = null;
    this.plainOnly = false;
    this.settled = 0;
    /** @type {ChildNode[]} */
    this.tail = [];
    this.drawnLength = -1;
    this.drawnWhole = false;
  }

  /** @param {string} text */
  append(text) {
    if (!this.node || this.node.length > LONGEST_NODE) {
      this.node = document.createTextNode("");
      this.pre.append(this.node);
    }
    this.node.appendData(text);
    this.text += text;
  }

  showPlain() {
    this.markdown?.remove();
    this.markdown = null;
    this.pre.hidden = false;
  }

  /** @param {boolean} whole */
  showMarkdown(whole) {
    if (this.kind !== "text" || this.plainOnly) return;
    if (!this.markdown) {
      this.markdown = element("div", "tz-markdown");
      this.markdown.dir = "auto";
      this.settled = 0;
      this.tail = [];
      this.drawnLength = -1;
      this.drawnWhole = false;
      this.root.append(this.markdown);
    }
    if (whole && !this.drawnWhole) {
      this.markdown.replaceChildren();
      this.settled = 0;
      this.tail = [];
    } else if (this.drawnLength === this.text.length) {
      return;
    }
    this.drawnWhole = whole;
    this.drawnLength = this.text.length;
    this.plainOnly = !this.drawTail(whole);
    if (this.plainOnly) {
      this.showPlain();
      this.root.append(element("div", "tz-fine", "Too much to be drawn as Markdown: this is the plain text."));
    } else {
      this.pre.hidden = true;
    }
  }

  // Returns whether it could be drawn.
  /** @param {boolean} whole */
  drawTail(whole) {
    if (this.text.length > LONGEST_MARKDOWN) return false;
    let rest = this.text.slice(this.settled);
    const at = whole ? 0 : lastBlock(rest);
    for (const node of this.tail) node.remove();
    if (at > 0) {
      const settled = renderMarkdown(rest.slice(0, at));
      if (!settled) return false;
      this.markdown.append(settled);
      this.settled += at;
      rest = rest.slice(at);
    }
    const fragment = renderMarkdown(rest);
    if (!fragment) return false;
    this.tail = [...fragment.childNodes];
    this.markdown.append(fragment);
    return true;
  }
}
