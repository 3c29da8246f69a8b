// Where panels are on the page. When an answer ends, the kernel replaces the widget's output by a static record, which is what
// the file keeps; a page that is opened later finds only that. In JupyterLab and Notebook the live panel stands in the
// record's element for as long as its model lives, so nothing is lost with the swap, a reload or a reopened notebook.

import { hardenLink } from "./markdown.js";

const RECORD = "data-tensorzero-live";
const WIDGET_VIEW = "application/vnd.jupyter.widget-view+json";
const LEFT_AFTER_MS = 3000;

const entries = new Map(); // `live` of a model to entries { model, panels, build() }: several where the notebook was reopened
const panelOf = new WeakMap(); // a panel's root to { entry, panel }
let observer = null;

export function canAdopt(el) {
  return Boolean(el.closest(".jp-OutputArea"));
}

// From now on the records of `live` show `entry`'s panels. `entry.build()` makes another one; it calls `enter`.
export function watch(live, entry) {
  entries.set(live, [...(entries.get(live) ?? []).filter(isAlive), entry]);
  if (!observer) {
    observer = new MutationObserver(onMutations);
    observer.observe(document.body, { childList: true, subtree: true });
  }
  document.querySelectorAll(`[${RECORD}="${CSS.escape(live)}"]`).forEach(settle);
}

export function unwatch(live, entry) {
  const left = (entries.get(live) ?? []).filter((other) => other !== entry);
  if (left.length) entries.set(live, left);
  else entries.delete(live);
  if (!entries.size && observer) {
    observer.disconnect();
    observer = null;
  }
}

// A notebook that was closed leaves its models behind, deaf.
function isAlive({ model: { widget_manager: manager } }) {
  return !manager?.isDisposed && !manager?.context?.isDisposed;
}

export function enter(entry, panel) {
  entry.panels.add(panel);
  panelOf.set(panel.root, { entry, panel });
}

// One observer for all panels: it looks only at what was added.
function onMutations(mutations) {
  for (const { addedNodes, removedNodes } of mutations) {
    for (const node of removedNodes) if (node.nodeType === Node.ELEMENT_NODE) noteRemoval(node);
    for (const node of addedNodes) {
      if (node.nodeType !== Node.ELEMENT_NODE || !node.isConnected) continue;
      const selector = `[${RECORD}], .tz-root`;
      if (node.matches(selector)) settle(node);
      node.querySelectorAll(selector).forEach(settle);
    }
  }
}

function settle(node) {
  if (panelOf.has(node)) {
    revive(node);
    return;
  }
  const entry = entries.get(node.getAttribute(RECORD))?.findLast(isAlive);
  const inside = panelOf.get(node.querySelector(".tz-root"));
  if (!entry || (inside && isAlive(inside.entry))) return;
  const homeless = [...entry.panels].find((panel) => !panel.root.isConnected);
  const panel = homeless ?? entry.build();
  node.replaceChildren(panel.root);
  node.className = "tz-adopted tex2jax_ignore mathjax_ignore";
  if (homeless) panel.place.restore();
  else panel.arrived();
  setTimeout(() => panel.root.querySelectorAll(".tz-markdown a").forEach(hardenLink)); // Lab rewrites what it renders
}

// A notebook that shows only what is in sight takes cells out and puts them back.
function revive(root) {
  const { entry, panel } = panelOf.get(root);
  if (entry.panels.has(panel)) return;
  entry.panels.add(panel);
  panel.arrived();
}

function noteRemoval(node) {
  const roots = node.matches(".tz-root") ? [node] : node.querySelectorAll(".tz-root");
  for (const root of roots) if (panelOf.has(root)) leaveSoon(root);
}

function leaveSoon(root) {
  setTimeout(() => {
    const { entry, panel } = panelOf.get(root);
    if (root.isConnected || !entry.panels.delete(panel)) return;
    panel.left();
  }, LEFT_AFTER_MS);
}

// What a reader would miss when a panel is put elsewhere: the focus, and how far it and the notebook were scrolled.
export class Place {
  constructor(root) {
    this.root = root;
    this.focused = null;
    this.scrolled = new Map();
    root.addEventListener("focusin", (event) => (this.focused = event.target));
    root.addEventListener("focusout", () => {
      // An element that is taken out with its output loses the focus too: that is no leaving.
      setTimeout(() => {
        if (root.isConnected && !root.contains(document.activeElement)) this.focused = null;
      });
    });
    root.addEventListener("scroll", ({ target }) => root.isConnected && this.scrolled.set(target, target.scrollTop), true);
  }

  // The output is about to be replaced: it keeps its height meanwhile, so that the notebook does not move.
  hold() {
    const area = this.root.closest(".jp-OutputArea");
    if (!area) return;
    area.style.minHeight = `${area.offsetHeight}px`;
    clearTimeout(this.holding);
    this.holding = setTimeout(() => (area.style.minHeight = ""), LEFT_AFTER_MS);
  }

  restore() {
    for (const [node, top] of this.scrolled) {
      if (this.root.contains(node)) node.scrollTop = top;
      else this.scrolled.delete(node);
    }
    if (this.focused && document.activeElement === document.body) this.focused.focus({ preventScroll: true });
  }
}

function html(data) {
  return [data["text/html"] ?? ""].flat().join("");
}

// A page that was opened after the output was made does not know its display id, so the kernel's record passes it by. Such a
// page puts the record into the notebook itself, by way of Lab's widget manager. Returns whether the record is in there.
export function placeRecord(model, { model_id, live, bundle, idle }) {
  for (const { outputs } of model.widget_manager?.context?.model?.cells ?? []) {
    for (let i = 0; i < (outputs?.length ?? 0); i++) {
      const { data } = outputs.get(i);
      if (data[WIDGET_VIEW]?.model_id !== model_id && !html(data).includes(live)) continue;
      if (html(data) !== html(bundle)) outputs.set(i, { output_type: "display_data", data: bundle, metadata: {} });
      const below = i + 1 < outputs.length && html(outputs.get(i + 1).data).includes("tensorzero-idle");
      if (below) outputs.set(i + 1, { output_type: "display_data", data: idle, metadata: {} });
      return true;
    }
  }
  return false;
}

// Lab's one-letter commands (`d d` deletes the cell) must not run while the focus is in here. Lab looks from the focused
// element upwards and its selectors match that element itself, so the mark on the root alone comes too late.
export function suppressShortcuts(root) {
  const mark = "data-lm-suppress-shortcuts";
  root.setAttribute(mark, "true");
  root.addEventListener("focusin", (event) => event.target.setAttribute(mark, "true"));
}
