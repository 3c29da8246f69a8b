// The page's end of views/stream.py: what arrived of one answer, in order. Nothing here draws.

/** @typedef {[start: number, kind: string, label: string]} Mark where a block begins, in code points */
/** @typedef {{ text: string, mark: number }} Piece a text of one block; `mark` is -1 before the first one */
/**
 * @typedef {object} Delta
 * @property {number} channel
 * @property {number} at the code points before `text`
 * @property {string} text
 * @property {Mark[]} [marks]
 * @property {number} [marks_at]
 * @property {[length: number, marks: number]} [end]
 */
/** @typedef {{ channel: number, text: string, marks: Mark[] }} Snapshot */

const ASKED_FOR_MS = 1000;

/** @param {string} text */
export function codePoints(text) {
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

/**
 * @param {string} text
 * @param {number} count
 */
export function afterCodePoints(text, count) {
  let i = 0;
  for (; count > 0 && i < text.length; count--) {
    const unit = text.charCodeAt(i);
    i += unit >= 0xd800 && unit <= 0xdbff ? 2 : 1;
  }
  return text.slice(i);
}

export class Channel {
  /**
   * @param {number} number
   * @param {(kind: "have" | "ack", channel: number, length: number) => void} ask
   */
  constructor(number, ask) {
    this.number = number;
    this.ask = ask;
    this.length = 0;
    /** @type {Mark[]} */
    this.marks = [];
    /** @type {Piece[]} */
    this.pieces = [];
    this.asking = false;
    this.endTold = false;
    /** @type {Set<() => void>} */
    this.listeners = new Set();
  }

  get text() {
    return this.pieces.map((piece) => piece.text).join("");
  }

  /** @param {Delta} delta */
  receive({ at, text, marks, marks_at, end }) {
    if (at > this.length) {
      this.request();
      return;
    }
    this.asking = false;
    if (marks && marks_at <= this.marks.length) this.marks.push(...marks.slice(this.marks.length - marks_at));
    this.take(at === this.length ? text : afterCodePoints(text, this.length - at));
    for (const listener of this.listeners) listener();
    if (end) this.end(...end);
  }

  /**
   * Cut what came at the marks, so that each piece belongs to one block.
   * @param {string} text
   */
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

  /** @param {number} offset */
  markAt(offset) {
    let found = -1;
    this.marks.forEach((mark, index) => {
      if (mark[0] <= offset) found = index;
    });
    return found;
  }

  /**
   * @param {number} length
   * @param {number} marks
   */
  end(length, marks) {
    this.endTold = true;
    if (this.length < length || this.marks.length < marks) this.request();
    else this.ask("ack", this.number, this.length);
  }

  request() {
    if (this.asking) return;
    this.asking = true;
    setTimeout(() => (this.asking = false), ASKED_FOR_MS);
    this.ask("have", this.number, this.length);
  }
}

// Every answer that a panel's model follows. They belong to the model: its views only draw them.
export class Channels {
  /** @param {(kind: "have" | "ack", channel: number, length: number) => void} ask */
  constructor(ask) {
    this.ask = ask;
    /** @type {Map<number, Channel>} */
    this.byNumber = new Map();
    this.forgotten = -1;
  }

  /** @param {number} number */
  of(number) {
    let channel = this.byNumber.get(number);
    if (!channel) {
      channel = new Channel(number, this.ask);
      this.byNumber.set(number, channel);
    }
    return channel;
  }

  /** @param {Delta[]} deltas */
  receive(deltas) {
    for (const delta of deltas) if (delta.channel > this.forgotten) this.of(delta.channel).receive(delta);
  }

  // What a saved page, or one that was opened late, begins with. An answer of which something came is not touched.
  /** @param {{ channels?: Snapshot[] }} snapshot */
  snapshot({ channels = [] }) {
    for (const { channel, text, marks } of channels) {
      if (channel > this.forgotten && !this.of(channel).length) this.of(channel).receive({ channel, at: 0, text, marks, marks_at: 0 });
    }
  }

  // The answers before this one are not shown any more.
  /** @param {number} number */
  forgetBefore(number) {
    this.forgotten = Math.max(this.forgotten, number - 1);
    for (const one of this.byNumber.keys()) if (one < number) this.byNumber.delete(one);
  }

  // What the kernel is told that the page has.
  have() {
    return [...this.byNumber.values()].map(({ number, length }) => [number, length]);
  }

  newest() {
    return Math.max(...this.byNumber.keys());
  }

  // Whether there are answers, and all have ended.
  ended() {
    return this.byNumber.size > 0 && [...this.byNumber.values()].every((channel) => channel.endTold);
  }
}
