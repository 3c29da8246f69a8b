// The page's end of views/stream.py: what arrived, in order, and painted once per animation frame.
// All text is put in with textContent or appendData.

import { element } from "./dom.js";
import { LONGEST_MARKDOWN, lastBlock, renderMarkdown } from "./markdown.js";

const LONGEST_NODE = 20000;
const MARKDOWN_EVERY_MS = 100;
const MARKDOWN_SHARE = 8; // of the time, Markdown of a growing answer takes at most one in so many

function codePoints(text) {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      count--;
      i++;
    }
  }
  return count;
}

function afterCodePoints(text, count) {
  let i = 0;
  for (; count > 0 && i < text.length; count--) {
    const unit = text.charCodeAt(i);
    i += unit >= 0xd800 && unit <= 0xdbff ? 2 : 1;
  }
  return text.slice(i);
}

export class StreamText {
  // `ask(kind, run, length)` sends `have` or `ack`. `blocks` is where the text is drawn.
  constructor(blocks, ask) {
    this.blocks = blocks;
    this.ask = ask;
    this.run = -1;
    this.reset(-1);
  }

  reset(run) {
    this.run = run;
    this.length = 0;
    this.marks = [];
    this.pieces = [];
    this.drawn = [];
    this.drawnPieces = 0;
    this.open = -2;
    this.asking = false;
    this.endTold = false;
    this.blocks.replaceChildren();
  }

  get text() {
    return this.pieces.map((piece) => piece.text).join("");
  }

  message(message) {
    if (message.run > this.run) this.reset(message.run);
    if (message.run !== this.run) return;
    if (message.kind === "delta") this.delta(message);
    if (message.kind === "end") this.end(message);
  }

  delta({ at, text, marks, marks_at }) {
    if (at > this.length) {
      this.request();
      return;
    }
    this.asking = false;
    if (marks && marks_at <= this.marks.length) this.marks.push(...marks.slice(this.marks.length - marks_at));
    const fresh = at === this.length ? text : afterCodePoints(text, this.length - at);
    this.take(fresh);
    this.paintSoon();
  }

  // Cut what came at the marks, so that each piece belongs to one block.
  take(text) {
    let rest = text;
    while (rest) {
      const next = this.marks.find((mark) => mark[0] > this.length);
      const total = codePoints(rest);
      const room = next ? Math.min(next[0] - this.length, total) : total;
      const tail = room === total ? "" : afterCodePoints(rest, room);
      const piece = rest.slice(0, rest.length - tail.length);
      this.pieces.push({ text: piece, mark: this.markAt(this.length) });
      this.length += room;
      rest = tail;
    }
  }

  markAt(offset) {
    let found = -1;
    this.marks.forEach((mark, index) => {
      if (mark[0] <= offset) found = index;
    });
    return found;
  }

  end({ length, marks }) {
    this.endTold = true;
    if (this.length < length || this.marks.length < marks) this.request();
    else this.ask("ack", this.run, this.length);
  }

  request() {
    if (this.asking) return;
    this.asking = true;
    setTimeout(() => (this.asking = false), 1000);
    this.ask("have", this.run, this.length);
  }

  snapshot({ run, text, marks }) {
    if (run < this.run || (run === this.run && this.length > 0)) return;
    this.reset(run);
    this.delta({ at: 0, text, marks, marks_at: 0 });
  }

  paintSoon() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    for (; this.drawnPieces < this.pieces.length; this.drawnPieces++) {
      const { text, mark } = this.pieces[this.drawnPieces];
      if (mark !== this.open) {
        this.open = mark;
        this.drawn.push(new Block(this.marks[mark]));
        this.blocks.append(this.drawn.at(-1).root);
      }
      this.drawn.at(-1).append(text);
    }
    if (this.markdownOn) this.markdownSoon();
  }

  // Draw the text as Markdown, or as it is. Of an answer that grows only the last block is drawn anew.
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
    const pause = Math.max(MARKDOWN_EVERY_MS, MARKDOWN_SHARE * (this.markdownTook ?? 0));
    this.markdownTimer = setTimeout(() => {
      this.markdownTimer = 0;
      if (this.markdownOn) this.drawMarkdown();
    }, pause);
  }

  drawMarkdown() {
    const began = performance.now();
    for (const block of this.drawn) block.showMarkdown(this.whole);
    this.markdownTook = performance.now() - began;
    this.onDrawn?.();
  }
}

// A text, thought, tool call or unknown block, as plain text and, where it is text, as Markdown in its place.
class Block {
  constructor(mark) {
    this.kind = mark ? mark[1] : "text";
    this.root = element("div", `tz-block tz-block-${this.kind}`);
    if (mark && mark[2]) this.root.append(element("div", "tz-label", mark[2]));
    this.pre = element("pre", "tz-text");
    this.pre.dir = "auto";
    this.root.append(this.pre);
    this.text = "";
    this.node = null;
    this.markdown = null;
  }

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
