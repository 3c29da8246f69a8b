// Staying alive over the saved record.
// When an answer ends, the kernel replaces the widget's output by a static record, which is what the file keeps. In
// JupyterLab and Notebook the live panel then moves onto that record's element, so nothing is lost while the kernel lives.

function canAdopt(el) {
  return Boolean(el.closest(".jp-OutputArea"));
}

function keepAlive(root, live) {
  let focused = null;
  root.addEventListener("focusin", (event) => (focused = event.target));
  root.addEventListener("focusout", () => {
    // An element that is taken out with its output loses the focus too: that is no leaving.
    setTimeout(() => {
      if (root.isConnected && !root.contains(document.activeElement)) focused = null;
    });
  });
  const selector = `[data-tensorzero-live="${CSS.escape(live)}"]`;
  const adopt = () => {
    const record = document.querySelector(selector);
    if (!record || record.contains(root)) return;
    record.replaceChildren(root);
    record.className = "tz-adopted tex2jax_ignore mathjax_ignore";
    if (focused && document.activeElement === document.body) focused.focus({ preventScroll: true });
  };
  const observer = new MutationObserver(adopt);
  observer.observe(document.body, { childList: true, subtree: true });
  return () => observer.disconnect();
}

const WIDGET_VIEW = "application/vnd.jupyter.widget-view+json";

// A page that was opened while the answer grew does not know the output's display id, so the kernel's record passes it by.
// Such a page puts the record into the notebook itself, by way of Lab's widget manager. Returns whether it did.
function placeRecord(model, { model_id, live, bundle, idle }, again) {
  for (const { outputs } of model.widget_manager?.context?.model?.cells ?? []) {
    for (let i = 0; i < (outputs?.length ?? 0); i++) {
      const { data } = outputs.get(i);
      if (data[WIDGET_VIEW]?.model_id !== model_id && !(again && String(data["text/html"]).includes(live))) continue;
      outputs.set(i, { output_type: "display_data", data: bundle, metadata: {} });
      const below = i + 1 < outputs.length && String(outputs.get(i + 1).data["text/html"]).includes("tensorzero-idle");
      if (below) outputs.set(i + 1, { output_type: "display_data", data: idle, metadata: {} });
      return true;
    }
  }
  return false;
}

// Lab's one-letter commands (`d d` deletes the cell) must not run while the focus is in here. Lab looks from the focused
// element upwards and its selectors match that element itself, so the mark on the root alone comes too late.
function suppressShortcuts(root) {
  const mark = "data-lm-suppress-shortcuts";
  root.setAttribute(mark, "true");
  root.addEventListener("focusin", (event) => event.target.setAttribute(mark, "true"));
}
