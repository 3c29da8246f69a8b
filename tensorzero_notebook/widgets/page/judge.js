// What an answer is judged by: its metrics, a comment, a better answer (better.js).

import { BetterAnswer } from "./better.js";
import { button, element, status } from "./dom.js";

const LONGEST_NOTE = 240;

export class Judge {
  // `act(name, values)` tells the kernel what the user did.
  constructor(act) {
    this.act = act;
    this.root = element("div", "tz-judge");
    this.metricsDrawn = "";
    this.controls = [];
  }

  draft(message) {
    this.better?.take(message);
  }

  show(answer, channel) {
    this.root.hidden = !answer.can_judge;
    const drawn = JSON.stringify([channel, answer.metrics, answer.can_judge]);
    if (drawn !== this.metricsDrawn) {
      this.metricsDrawn = drawn;
      this.draw(answer, channel);
    }
    for (const control of this.controls) control(answer.judgements);
  }

  draw(answer, channel) {
    this.controls = [];
    const row = element("div", "tz-row tz-wrap");
    for (const metric of answer.metrics) row.append(metric.type === "boolean" ? this.thumbs(metric) : this.number(metric));
    const example = element("div", "tz-example");
    if (answer.metric_example) {
      example.append(element("span", "tz-fine", "No metrics yet. To judge with buttons, add to tensorzero.toml:"));
      example.append(element("pre", "tz-code", answer.metric_example));
    }
    this.better = new BetterAnswer(channel, this.act);
    this.control("demonstration", this.better.note, (judgement) => this.better.show(judgement));
    this.root.replaceChildren(row, example, this.comment(), this.better.root);
  }

  control(metric_name, note, paint) {
    this.controls.push((judgements) => {
      const judgement = judgements[metric_name] ?? { state: "", value: null, error: "" };
      note.textContent = { sending: "storing…", failed: `not stored: ${judgement.error}` }[judgement.state] ?? "";
      note.className = judgement.state === "failed" ? "tz-note tz-failed" : "tz-note tz-fine";
      paint(judgement);
    });
  }

  group(metric) {
    const group = element("div", "tz-metric");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", metric.name);
    const name = element("span", "tz-metric-name", metric.name);
    name.title = [metric.description, metric.level === "episode" ? "judges the whole episode" : ""].filter(Boolean).join(" · ");
    group.append(name);
    if (metric.level === "episode") group.append(element("span", "tz-fine", "episode"));
    return group;
  }

  thumbs(metric) {
    const group = this.group(metric);
    const up = button("Thumbs up", "👍", "tz-thumb");
    const down = button("Thumbs down", "👎", "tz-thumb");
    const note = status("tz-note");
    up.addEventListener("click", () => this.act("judge", { metric_name: metric.name, value: true }));
    down.addEventListener("click", () => this.act("judge", { metric_name: metric.name, value: false }));
    this.control(metric.name, note, ({ value }) => {
      up.setAttribute("aria-pressed", String(value === true));
      down.setAttribute("aria-pressed", String(value === false));
    });
    group.append(up, down, note);
    return group;
  }

  number(metric) {
    const group = this.group(metric);
    const box = element("input", "tz-input tz-number");
    box.type = "number";
    box.step = "any";
    box.setAttribute("aria-label", metric.name);
    const set = button(`Set ${metric.name}`, "Set", "tz-quiet");
    set.setAttribute("aria-pressed", "false");
    const note = status("tz-note");
    const send = () => {
      if (box.value !== "" && Number.isFinite(box.valueAsNumber)) {
        this.act("judge", { metric_name: metric.name, value: box.valueAsNumber });
      }
    };
    set.addEventListener("click", send);
    box.addEventListener("keydown", (event) => event.key === "Enter" && send());
    let stored = null;
    const paint = () => set.setAttribute("aria-pressed", String(stored !== null && box.valueAsNumber === stored));
    box.addEventListener("input", paint);
    this.control(metric.name, note, ({ value }) => {
      if (value !== null && value !== stored && document.activeElement !== box) box.value = String(value);
      stored = value;
      paint();
    });
    group.append(box, set, note);
    return group;
  }

  comment() {
    const whole = element("div", "tz-comment");
    const row = element("div", "tz-row");
    const box = element("input", "tz-input tz-grow");
    box.type = "text";
    box.placeholder = "Comment";
    box.setAttribute("aria-label", "Comment");
    const send = button("Send", "Send", "tz-quiet");
    const note = status("tz-note");
    const submit = () => box.value.trim() && this.act("comment", { text: box.value });
    send.addEventListener("click", submit);
    box.addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && submit());
    this.control("comment", note, ({ value, state }) => {
      send.setAttribute("aria-pressed", String(value !== null));
      if (state !== "failed" && state !== "sending" && value !== null) note.textContent = `stored: ${shortened(value)}`;
      note.title = value ?? "";
    });
    row.append(box, send);
    whole.append(row, note);
    return whole;
  }
}

// Whole words, so that half a sentence never says the opposite.
function shortened(text) {
  const signs = [...text];
  if (signs.length <= LONGEST_NOTE) return text;
  const start = signs.slice(0, LONGEST_NOTE).join("");
  const word = start.search(/\s\S*$/);
  return `${word > 0 ? start.slice(0, word) : start} … (${signs.length.toLocaleString("en")} characters in all)`;
}
