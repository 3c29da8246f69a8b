// What all widgets share: the way to the kernel and back. Listeners belong to the model, not to a view: the view goes when
// the record takes its output's place, and a page that is opened later has no view at all (host.js).

import { AnswerPanel } from "./answer.js";
import { Channels } from "./channel.js";
import { element } from "./dom.js";
import { canAdopt, enter, Place, placeRecord, suppressShortcuts, unwatch, watch } from "./host.js";

const MISSED_AFTER_MS = 2000;
const LONGEST_WAIT_MS = 60000;
const LOOK_EVERY_MS = 1000;
const GONE = "The kernel that made this panel is gone: run the cell again.";

const entryOf = new Map();

// `build({ answer, actions, root })` adds what is the widget's own and returns how to show the `view`.
export function startPanels(model, build) {
  const live = model.get("live");
  const panels = new Set();
  const channels = new Channels((kind, channel, length) => {
    if (kind === "ack") panels.forEach((panel) => panel.place.hold());
    send(entry, { kind, channel, length });
    panels.forEach((panel) => panel.watch());
  });
  const entry = { model, panels, channels, gone: false, build: () => makePanel(entry, build) };
  const each = (work) => () => panels.forEach((panel) => work(panel));
  const onMessage = (message) => {
    if (message.kind === "deltas") channels.receive(message.deltas);
    else if (message.kind !== "record") panels.forEach((panel) => panel.message(message));
    else if (placeRecord(model, message)) model.send({ kind: "places" });
  };
  model.on("msg:custom", onMessage);
  model.on("change:view", each((panel) => panel.viewed(model.get("view"))));
  model.on("change:snapshot", () => channels.snapshot(model.get("snapshot")));
  channels.snapshot(model.get("snapshot"));
  const leave = () => {
    entry.gone = true;
    panels.forEach((panel) => panel.kernelGone());
  };
  model.on("comm_live_update", async () => {
    const inside = await model.widget_manager?.get_model?.(model.get("view").model_id);
    if (inside && !inside.comm_live) leave();
  });
  entryOf.set(live, entry);
  watch(live, entry);
  return () => {
    leave();
    unwatch(live, entry);
    if (entryOf.get(live) === entry) entryOf.delete(live);
  };
}

// Returns whether it is on its way: a kernel that is gone hears nothing.
function send(entry, content) {
  if (entry.gone) return false;
  try {
    entry.model.send(content);
    return true;
  } catch {
    return false;
  }
}

export function renderPanel(model, el) {
  const entry = entryOf.get(model.get("live"));
  const panel = entry.build();
  el.append(panel.root);
  requestAnimationFrame(() => panel.arrived());
}

// What the user did, until the kernel's `view` says that it is done. A server or a kernel under load drops messages without a
// word: what does not come is asked for again.
class Actions {
  // `told(text)` shows what there is to wait for, or that there is nothing any more.
  constructor(entry, complete, told) {
    this.entry = entry;
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
    this.send({ kind: "act", action, number, channel: this.entry.model.get("view").channel, ...values });
    this.watch();
  }

  send(content) {
    if (!this.gone && !send(this.entry, content)) this.end();
  }

  end() {
    this.gone = true;
    this.stop();
    this.told(GONE);
  }

  has(action) {
    return [...this.open.values()].includes(action);
  }

  viewed(view) {
    for (const number of view.handled ?? []) this.open.delete(number);
    if (!this.open.size && !this.gone) this.told("");
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

function makePanel(entry, build) {
  const { model, channels } = entry;
  const root = element("div", "tz-root tex2jax_ignore mathjax_ignore");
  const place = new Place(root);
  let adopts = false;
  const act = (action, values) => {
    if (action !== "draft") place.hold();
    actions.act(action, values);
  };
  const answer = new AnswerPanel(act, channels);
  const inRecord = () => Boolean(root.closest("[data-tensorzero-live]"));
  const shown = () => !answer.channel || answer.endedChannel === channels.newest();
  const complete = () => !channels.ended() || (shown() && (!adopts || inRecord()));
  const waiting = element("div", "tz-fine tz-waiting");
  waiting.setAttribute("role", "status");
  const actions = new Actions(entry, complete, (text) => {
    waiting.textContent = text;
    root.classList.toggle("tz-gone", actions.gone);
  });
  suppressShortcuts(root);
  const draw = build({ answer, actions, root, channels });
  root.append(waiting);
  const panel = {
    root,
    place,
    viewed(view) {
      actions.viewed(view);
      draw(view);
    },
    message: (message) => message.kind === "draft" && answer.draft(message),
    watch: () => actions.watch(),
    catchUp: () => panel.viewed(model.get("view")),
    // It is on the page, for the first time or again.
    arrived() {
      adopts = canAdopt(root);
      panel.catchUp();
      if (entry.gone) actions.end();
      actions.send({ kind: "mount", have: channels.have(), adopts, places: inRecord() });
    },
    left: () => actions.stop(),
    kernelGone: () => actions.end(),
  };
  lookAgain(root, actions);
  enter(entry, panel);
  panel.catchUp();
  return panel;
}

// Whoever comes back to a panel finds what there is now: the configuration may have changed.
function lookAgain(root, actions) {
  let looked = 0;
  root.addEventListener("focusin", ({ relatedTarget }) => {
    if (root.contains(relatedTarget) || performance.now() - looked < LOOK_EVERY_MS) return;
    looked = performance.now();
    actions.send({ kind: "look" });
  });
}
