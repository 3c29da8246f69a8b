// What both widgets share: the way to the kernel and back. Listeners belong to the model, not to the view: the view goes
// when the record takes its output's place, and the panel lives on there (host.js).

const MODELS = new Map();
const MISSED_AFTER_MS = 2000;
const LONGEST_WAIT_MS = 60000;

function initialize({ model }) {
  const live = model.get("live");
  const panels = new Set();
  MODELS.set(live, { model, panels });
  const each = (work) => () => panels.forEach((panel) => work(panel));
  let places = false;
  const onMessage = (message) => {
    if (message.kind !== "record") panels.forEach((panel) => panel.message(message));
    else if (placeRecord(model, message, places) && !places) {
      places = true;
      model.send({ kind: "places" });
    }
  };
  const onView = each((panel) => panel.viewed(model.get("view")));
  const onSnapshot = each((panel) => panel.snapshot(model.get("snapshot")));
  model.on("msg:custom", onMessage);
  model.on("change:view", onView);
  model.on("change:snapshot", onSnapshot);
  return () => MODELS.delete(live);
}

// What the user did, until the kernel's `view` says that it is done. A server or a kernel under load drops messages without a
// word: what does not come is asked for again.
class Actions {
  // `told(text)` shows what there is to wait for, or that there is nothing any more.
  constructor(model, complete, told) {
    this.model = model;
    this.complete = complete;
    this.told = told;
    this.gone = false;
    this.open = new Map();
    this.name = Math.random().toString(36).slice(2);
    this.count = 0;
    this.pause = MISSED_AFTER_MS;
  }

  act(action, values) {
    const number = `${this.name}-${(this.count += 1)}`;
    this.open.set(number, action);
    this.send({ kind: "act", action, number, run: this.model.get("view").run, ...values });
    this.watch();
  }

  send(content) {
    if (this.gone) return;
    try {
      this.model.send(content);
    } catch {
      this.gone = true;
      this.told("The kernel that made this panel is gone: run the cell again.");
    }
  }

  has(action) {
    return [...this.open.values()].includes(action);
  }

  viewed(view) {
    for (const number of view.handled ?? []) this.open.delete(number);
    if (!this.open.size) this.told("");
    this.watch();
  }

  watch() {
    clearTimeout(this.timer);
    if (this.gone) return;
    if (!this.open.size && this.complete()) {
      this.pause = MISSED_AFTER_MS;
      return;
    }
    this.timer = setTimeout(() => {
      if (this.open.size) this.told("waiting for the kernel…");
      this.send({ kind: "again" });
      this.pause = Math.min(this.pause * 2, LONGEST_WAIT_MS);
      this.watch();
    }, this.pause);
  }

  stop() {
    clearTimeout(this.timer);
  }
}

// Draw a panel in `el`; `build({ panel, actions, root })` adds what is the widget's own and returns how to show the `view`.
function renderPanel(live, el, build) {
  const { model, panels } = MODELS.get(live);
  const root = element("div", "tz-root tex2jax_ignore mathjax_ignore");
  let adopts = false;
  const panel = new AnswerPanel(
    (action, values) => actions.act(action, values),
    (kind, run, length) => {
      actions.send({ kind, run, length });
      actions.watch();
    },
  );
  const complete = () => {
    const told = panel.stream.endTold;
    return !told || (panel.endedRun === panel.stream.run && (!adopts || Boolean(root.closest("[data-tensorzero-live]"))));
  };
  const waiting = element("div", "tz-fine tz-waiting");
  waiting.setAttribute("role", "status");
  const actions = new Actions(model, complete, (text) => (waiting.textContent = text));
  suppressShortcuts(root);
  const draw = build({ panel, actions, root });
  root.append(waiting);
  panel.viewed = (view) => {
    actions.viewed(view);
    draw(view);
  };
  el.append(root);
  panels.add(panel);
  panel.viewed(model.get("view"));
  panel.snapshot(model.get("snapshot"));
  const stopWatching = keepAlive(root, live);
  requestAnimationFrame(() => {
    adopts = canAdopt(el);
    actions.send({ kind: "mount", run: panel.stream.run, have: panel.stream.length, adopts });
  });
  const leave = () => {
    if (root.isConnected) return;
    stopWatching();
    actions.stop();
    panels.delete(panel);
  };
  return () => setTimeout(leave, 3000);
}
