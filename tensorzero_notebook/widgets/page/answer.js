// One answer: the stream, its figures, and what it is judged by (judge.js).

import { button, element } from "./dom.js";
import { Judge } from "./judge.js";
import { StreamText } from "./stream.js";

const SPOKEN_EVERY_MS = 3000;
const SILENT_AFTER_MS = 5000;

export class AnswerPanel {
  // `act(name, values)` tells the kernel what the user did, `ask` is what `StreamText` asks with.
  constructor(act, ask) {
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
    this.stream = new StreamText(this.blocks, ask);
    this.spokenTo = 0;
    this.markdownOn = false;
    this.followEnd();
  }

  followEnd() {
    let atEnd = true;
    this.blocks.addEventListener("scroll", () => {
      atEnd = this.blocks.scrollHeight - this.blocks.scrollTop - this.blocks.clientHeight < 24;
    });
    const paint = this.stream.paint.bind(this.stream);
    const follow = () => {
      if (atEnd && !this.ended) this.blocks.scrollTop = this.blocks.scrollHeight;
    };
    this.stream.paint = () => {
      paint();
      follow();
    };
    this.stream.onDrawn = follow;
  }

  message(message) {
    if (message.kind === "draft") {
      this.judge.draft(message);
      return;
    }
    const before = this.stream.run;
    this.stream.message(message);
    if (this.stream.run !== before) this.fresh();
    this.offerMarkdown();
    this.speakSoon();
  }

  snapshot(snapshot) {
    if (snapshot && snapshot.run !== undefined) this.stream.snapshot(snapshot);
    this.offerMarkdown();
  }

  offerMarkdown() {
    this.markdown.hidden = !this.stream.length;
  }

  fresh() {
    this.spokenTo = 0;
  }

  // Screen readers get whole stretches every few seconds, not each token.
  speakSoon() {
    if (this.speaking || this.stream.run === this.silentRun) return;
    this.speaking = setTimeout(() => {
      this.speaking = 0;
      this.speak(false);
    }, SPOKEN_EVERY_MS);
  }

  speak(all) {
    const text = this.stream.text;
    const fresh = text.slice(this.spokenTo);
    const cut = all ? fresh.length : Math.max(fresh.lastIndexOf("\n"), fresh.lastIndexOf(". ") + 1, fresh.lastIndexOf(" "));
    if (cut <= 0) return;
    this.spokenTo += cut;
    this.spoken.textContent = fresh.slice(0, cut).slice(-2000);
    clearTimeout(this.silencing);
    this.silencing = setTimeout(() => (this.spoken.textContent = ""), SILENT_AFTER_MS);
  }

  // `run` numbers the widget's answers: the text of the one before goes as soon as another begins.
  show(answer, run) {
    this.root.hidden = !answer;
    const ended = ["done", "stopped", "failed"].includes(answer?.state);
    this.silentRun ??= ended ? run : -1; // an answer that had ended before the panel came is not read out
    if (!answer) return;
    if (run > this.stream.run) {
      this.stream.reset(run);
      this.fresh();
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
    this.judge.show(answer, run);
    if (this.markdownOn && this.stream.whole !== ended) this.stream.showMarkdown(true, ended);
    if (ended && this.endedRun !== run) {
      this.endedRun = run;
      if (run !== this.silentRun) setTimeout(() => this.speak(true), 300);
    }
  }

  toggleMarkdown() {
    this.markdownOn = !this.markdownOn;
    this.markdown.setAttribute("aria-pressed", String(this.markdownOn));
    this.stream.showMarkdown(this.markdownOn, Boolean(this.ended));
  }
}
