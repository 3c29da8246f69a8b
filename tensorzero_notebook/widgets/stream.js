// The page's end of views/stream.py: what arrived, in order, and painted once per animation frame.
// All text is put in with textContent or appendData.

const LONGEST_NODE = 20000;

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

class StreamText {
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
    this.drawnMarks = 0;
    this.node = null;
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
    let drawn = this.drawnPieces ?? 0;
    if (this.painted !== this.pieces) {
      this.painted = this.pieces;
      this.open = -2;
      drawn = 0;
    }
    for (; drawn < this.pieces.length; drawn++) this.paintPiece(this.pieces[drawn]);
    this.drawnPieces = drawn;
  }

  paintPiece({ text, mark }) {
    if (mark !== this.open) {
      this.open = mark;
      this.blocks.append(this.block(this.marks[mark]));
    }
    if (!this.node || this.node.length > LONGEST_NODE) {
      this.node = document.createTextNode("");
      this.pre.append(this.node);
    }
    this.node.appendData(text);
  }

  block(mark) {
    const kind = mark ? mark[1] : "text";
    const block = element("div", `tz-block tz-block-${kind}`);
    if (mark && mark[2]) block.append(element("div", "tz-label", mark[2]));
    this.pre = element("pre", "tz-text");
    this.pre.dir = "auto";
    this.node = null;
    block.append(this.pre);
    return block;
  }

  // The same text with Markdown drawn, once it is complete.
  showMarkdown(on) {
    this.paint();
    for (const block of this.blocks.querySelectorAll(".tz-block-text")) {
      block.querySelector(".tz-markdown")?.remove();
      const pre = block.querySelector("pre.tz-text");
      pre.hidden = on;
      if (on) {
        const drawn = element("div", "tz-markdown");
        drawn.dir = "auto";
        drawn.append(renderMarkdown(pre.textContent));
        block.append(drawn);
      }
    }
  }
}
