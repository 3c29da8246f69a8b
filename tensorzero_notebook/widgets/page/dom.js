// Elements. Text goes in as text: nothing here, or anywhere in these files, reads HTML.

export function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

export function button(label, text, className) {
  const node = element("button", `tz-button ${className ?? ""}`, text);
  node.type = "button";
  if (label !== text) node.setAttribute("aria-label", label);
  return node;
}

// Not `disabled`: that would take the focus away from who has just pressed it.
export function enable(node, on) {
  node.setAttribute("aria-disabled", String(!on));
}

export function isEnabled(node) {
  return node.getAttribute("aria-disabled") !== "true";
}

export function status(className) {
  const node = element("span", className);
  node.setAttribute("role", "status");
  return node;
}
