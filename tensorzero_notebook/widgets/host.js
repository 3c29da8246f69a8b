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

// Lab's one-letter commands (`d d` deletes the cell) must not run while the focus is in here. Lab looks from the focused
// element upwards and its selectors match that element itself, so the mark on the root alone comes too late.
function suppressShortcuts(root) {
  const mark = "data-lm-suppress-shortcuts";
  root.setAttribute(mark, "true");
  root.addEventListener("focusin", (event) => event.target.setAttribute(mark, "true"));
}
