// One answer: the stream, its figures, and what it is judged by (judge.js).

import { button, element } from "./dom.js";
import { Drawing } from "./drawing.js";
import { Judge } from "./judge.js";

const SPOKEN_EVERY_MS = 3000;
const SILENT_AFTER_MS = 5000;

export class AnswerPanel {
  // `act(name, values)` tells the kernel what the user did; `channels` are the answers that arrive.
  constructor(act, channels) {
    this.channels = channels;
    this.root = element("div", "tz-answer");
    this.root.hidden = true;
    const head = element("div", "tz-row tz-answer-head");
    this.title = element("span", "tz-fine tz-grow");
    this.markdown = button("Show Markdown", "Markdown", "tz-quiet");
    this.markdown.setAttribute("aria-pressed", "false");
    this.markdown.addEventListener("click", () => this.toggleMarkdown());
    head.append(this.title, this.markdown);
    this.blocks = element("div", "tz-blocks");
    this.blocks.setAttribute("role", "region");
    this.blocks.setAttribute("aria-label", "Answer");
    this.blocks.tabIndex = 0;
    this.error = element("pre", "tz-error");
    this.error.setAttribute("role", "alert");
    this.figures = element("div", "tz-fine tz-figures");
    this.judge = new Judge(act);
    this.spoken = element("div", "tz-spoken");
    this.spoken.setAttribute("role", "status");
    this.spoken.setAttribute("aria-live", "polite");
    this.root.append(head, this.blocks, this.error, this.figures, this.judge.root, this.spoken);
    this.drawing = new Drawing(this.blocks, () => this.painted());
    this.spokenTo = 0;
    this.speaking = 0;
    /** @type {number | undefined} of an answer that is not read out */
    this.silentChannel = undefined;
    this.markdownOn = false;
    this.followEnd();
  }

  // The end of a growing answer stays in sight of whoever has not scrolled away from it.
  followEnd() {
    this.atEnd = true;
    this.blocks.addEventListener("scroll", () => {
      this.atEnd = this.blocks.scrollHeight - this.blocks.scrollTop - this.blocks.clientHeight < 24;
    });
  }

  painted() {
    if (this.atEnd && !this.ended) this.blocks.scrollTop = this.blocks.scrollHeight;
    this.offerMarkdown();
    this.speakSoon();
  }

  draft(message) {
    this.judge.draft(message);
  }

  get channel() {
    return this.drawing.channel;
  }

  offerMarkdown() {
    this.markdown.hidden = !this.channel?.length;
  }

  // Screen readers get whole stretches every few seconds, not each token.
  speakSoon() {
    if (this.speaking || !this.channel || this.channel.number === this.silentChannel) return;
    this.speaking = setTimeout(() => {
      this.speaking = 0;
      this.speak(false);
    }, SPOKEN_EVERY_MS);
  }

  speak(all) {
    const text = this.channel?.text ?? "";
    const fresh = text.slice(this.spokenTo);
    const cut = all ? fresh.length : Math.max(fresh.lastIndexOf("\n"), fresh.lastIndexOf(". ") + 1, fresh.lastIndexOf(" "));
    if (cut <= 0) return;
    this.spokenTo += cut;
    this.spoken.textContent = fresh.slice(0, cut).slice(-2000);
    clearTimeout(this.silencing);
    this.silencing = setTimeout(() => (this.spoken.textContent = ""), SILENT_AFTER_MS);
  }

  // `number` is the answer's channel: the text of the one before goes as soon as another begins.
  show(answer, number) {
    this.root.hidden = !answer;
    const ended = ["done", "stopped", "failed"].includes(answer?.state);
    this.silentChannel ??= ended ? number : -1; // an answer that had ended before the panel came is not read out
    if (!answer) return;
    if (this.channel?.number !== number) {
      this.channels.forgetBefore(number);
      this.drawing.attach(this.channels.of(number));
      this.spokenTo = 0;
    }
    const words = { waiting: "waiting…", streaming: "streaming…", stopped: "stopped", failed: "failed", done: "" };
    const names = answer.source === answer.variant ? [answer.source] : [answer.source, answer.variant];
    this.title.textContent = [...names, words[answer.state]].filter(Boolean).join(" · ");
    this.root.dataset.state = answer.state;
    this.error.textContent = answer.error;
    this.error.hidden = !answer.error;
    this.figures.textContent = answer.figures.join(" · ");
    this.figures.hidden = !answer.figures.length;
    this.ended = ended;
    this.offerMarkdown();
    this.judge.show(answer, number);
    if (this.markdownOn && this.drawing.whole !== ended) this.drawing.showMarkdown(true, ended);
    if (ended && this.endedChannel !== number) {
      this.endedChannel = number;
      if (number !== this.silentChannel) setTimeout(() => this.speak(true), 300);
    }
  }

  toggleMarkdown() {
    this.markdownOn = !this.markdownOn;
    this.markdown.setAttribute("aria-pressed", String(this.markdownOn));
    this.drawing.showMarkdown(this.markdownOn, Boolean(this.ended));
  }
}
