// One answer: the stream, its figures, and the judgements. `act(name, values)` tells the kernel what the user did.

const SPOKEN_EVERY_MS = 3000;

function button(label, text, className) {
  const node = element("button", `tz-button ${className ?? ""}`, text);
  node.type = "button";
  if (label !== text) node.setAttribute("aria-label", label);
  return node;
}

// Not `disabled`: that would take the focus away from who has just pressed it.
function enable(node, on) {
  node.setAttribute("aria-disabled", String(!on));
}

function isEnabled(node) {
  return node.getAttribute("aria-disabled") !== "true";
}

class AnswerPanel {
  constructor(act, ask) {
    this.act = act;
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
    this.judge = element("div", "tz-judge");
    this.spoken = element("div", "tz-spoken");
    this.spoken.setAttribute("role", "status");
    this.spoken.setAttribute("aria-live", "polite");
    this.root.append(head, this.blocks, this.error, this.figures, this.judge, this.spoken);
    this.stream = new StreamText(this.blocks, ask);
    this.spokenTo = 0;
    this.metricsDrawn = "";
    this.followEnd();
  }

  followEnd() {
    let atEnd = true;
    this.blocks.addEventListener("scroll", () => {
      atEnd = this.blocks.scrollHeight - this.blocks.scrollTop - this.blocks.clientHeight < 24;
    });
    const paint = this.stream.paint.bind(this.stream);
    this.stream.paint = () => {
      paint();
      if (atEnd) this.blocks.scrollTop = this.blocks.scrollHeight;
    };
  }

  message(message) {
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

  // Only of a whole text, which may come after the word that it has ended.
  offerMarkdown() {
    this.markdown.hidden = !this.ended || !this.stream.length;
  }

  fresh() {
    this.spokenTo = 0;
    this.markdownOn = false;
    this.markdown.setAttribute("aria-pressed", "false");
  }

  // Screen readers get whole stretches every few seconds, not each token.
  speakSoon() {
    if (this.speaking) return;
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
  }

  // `run` numbers the widget's answers: the text of the one before goes as soon as another begins.
  show(answer, run) {
    this.root.hidden = !answer;
    if (!answer) return;
    if (run > this.stream.run) {
      this.stream.reset(run);
      this.fresh();
    }
    const ended = ["done", "stopped", "failed"].includes(answer.state);
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
    this.showJudge(answer, run);
    if (ended && this.endedRun !== run) {
      this.endedRun = run;
      setTimeout(() => this.speak(true), 300);
    }
  }

  toggleMarkdown() {
    this.markdownOn = !this.markdownOn;
    this.markdown.setAttribute("aria-pressed", String(this.markdownOn));
    this.stream.showMarkdown(this.markdownOn);
  }

  showJudge(answer, run) {
    this.judge.hidden = !answer.can_judge;
    const drawn = JSON.stringify([run, answer.metrics, answer.can_judge]);
    if (drawn !== this.metricsDrawn) {
      this.metricsDrawn = drawn;
      this.drawJudge(answer);
    }
    for (const control of this.controls) control(answer.judgements);
  }

  drawJudge(answer) {
    this.controls = [];
    const row = element("div", "tz-row tz-wrap");
    for (const metric of answer.metrics) row.append(metric.type === "boolean" ? this.thumbs(metric) : this.number(metric));
    const example = element("div", "tz-example");
    if (answer.metric_example) {
      example.append(element("span", "tz-fine", "No metrics yet. To judge with buttons, add to tensorzero.toml:"));
      example.append(element("pre", "tz-code", answer.metric_example));
    }
    this.judge.replaceChildren(row, example, this.comment(), this.demonstration());
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
    const note = element("span", "tz-note");
    note.setAttribute("role", "status");
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
    const note = element("span", "tz-note");
    note.setAttribute("role", "status");
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
    const row = element("div", "tz-row");
    const box = element("input", "tz-input tz-grow");
    box.type = "text";
    box.placeholder = "Comment";
    box.setAttribute("aria-label", "Comment");
    const send = button("Send", "Send", "tz-quiet");
    const note = element("span", "tz-note");
    note.setAttribute("role", "status");
    const submit = () => box.value.trim() && this.act("comment", { text: box.value });
    send.addEventListener("click", submit);
    box.addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && submit());
    this.control("comment", note, ({ value, state }) => {
      send.setAttribute("aria-pressed", String(value !== null));
      if (state === "stored") note.textContent = `stored: ${value.length > 60 ? value.slice(0, 60) + "…" : value}`;
    });
    row.append(box, send, note);
    return row;
  }

  demonstration() {
    const details = element("details", "tz-better");
    const summary = element("summary", "", "This would have been better");
    const box = element("textarea", "tz-input tz-area");
    box.setAttribute("aria-label", "Better answer");
    box.rows = 3;
    const row = element("div", "tz-row");
    const save = button("Store better answer", "Store as demonstration", "tz-quiet");
    const note = element("span", "tz-note");
    note.setAttribute("role", "status");
    details.addEventListener("toggle", () => {
      if (details.open && !box.value) box.value = this.stream.text;
    });
    save.addEventListener("click", () => box.value.trim() && this.act("demonstrate", { text: box.value }));
    this.control("demonstration", note, ({ value, state }) => {
      save.setAttribute("aria-pressed", String(value !== null));
      if (state === "stored") note.textContent = "stored";
    });
    row.append(save, note);
    details.append(summary, box, row);
    return details;
  }
}
