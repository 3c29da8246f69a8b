// The composer: choose, fill in, run. It holds what is typed; the kernel decides everything else.

import { button, element, enable, isEnabled } from "./dom.js";

let serial = 0;

function labelled(text, control, className) {
  const field = element("div", `tz-field ${className ?? ""}`);
  const label = element("label", "tz-label", text);
  control.id = `tz-${(serial += 1)}-${Math.random().toString(36).slice(2)}`;
  label.htmlFor = control.id;
  field.append(label, control);
  return field;
}

function options(select, names, first) {
  const chosen = select.value;
  select.replaceChildren();
  for (const [value, text] of [first, ...names.map((name) => [name, name])].filter(Boolean)) {
    const option = element("option", "", text);
    option.value = value;
    select.append(option);
  }
  if ([...select.options].some((option) => option.value === chosen)) select.value = chosen;
}

// One box of a form made from a schema (views/schema_form.py).
function fieldBox(field) {
  const label = field.label + (field.required ? " *" : "");
  let box = element("input", "tz-input");
  if (field.kind === "choice") {
    box = element("select", "tz-input");
    options(box, field.options, ["", field.required ? "choose…" : "—"]);
    for (const option of box.options) if (option.value) option.textContent = option.value.replace(/^"(.*)"$/s, "$1");
  } else if (field.kind === "boolean") {
    box.type = "checkbox";
    box.className = "tz-check";
  } else if (field.kind === "text" || field.kind === "json") {
    box = element("textarea", `tz-input tz-area ${field.kind === "json" ? "tz-json" : ""}`);
    box.rows = 1;
    if (field.kind === "json") box.placeholder = "JSON";
  } else {
    box.type = "number";
    box.step = field.kind === "integer" ? "1" : "any";
  }
  if (field.kind === "boolean") box.checked = field.default === "true";
  else box.value = field.default;
  box.required = field.required;
  const row = labelled(label, box, field.kind === "boolean" ? "tz-inline" : "");
  if (field.description) {
    row.title = field.description;
    box.setAttribute("aria-description", field.description);
    if (field.kind !== "choice" && field.kind !== "boolean") box.placeholder = field.description;
  }
  const property = field.kind === "boolean" ? "checked" : "value";
  return { row, name: field.name, kind: field.kind, read: () => box[property], write: (value) => (box[property] = value) };
}

class FieldSet {
  // What was typed into boxes of the same name `before` stays.
  constructor(fields, before) {
    this.root = element("div", "tz-grid");
    this.boxes = fields.map(fieldBox);
    this.root.append(...this.boxes.map((box) => box.row));
    for (const box of this.boxes) {
      const typed = before?.boxes.find((old) => old.name === box.name && old.kind === box.kind)?.read();
      if (typed) box.write(typed);
    }
  }

  read() {
    return Object.fromEntries(this.boxes.map((box) => [box.name, box.read()]));
  }
}

class ComposerForm {
  constructor(run) {
    this.run = run;
    this.root = element("div", "tz-form");
    this.function = element("select", "tz-input");
    this.variant = element("select", "tz-input");
    this.model = element("input", "tz-input");
    this.model.type = "text";
    this.model.spellcheck = false;
    this.model.placeholder = "provider::name";
    this.models = element("datalist", "");
    this.template = element("select", "tz-input");
    this.system = element("textarea", "tz-input tz-area");
    this.system.rows = 1;
    this.prompt = element("textarea", "tz-input tz-area tz-prompt");
    this.prompt.rows = 3;
    this.top = element("div", "tz-grid");
    this.top.append(labelled("Function", this.function), labelled("Variant", this.variant), labelled("Model", this.model), this.models);
    this.models.id = `${this.model.id}-names`;
    this.model.setAttribute("list", this.models.id);
    this.systemField = labelled("System", this.system);
    this.systemArguments = element("div", "");
    this.turns = element("div", "tz-turns");
    this.templateField = labelled("Message", this.template);
    this.arguments = element("div", "");
    this.promptField = labelled("Prompt", this.prompt);
    this.more = element("details", "tz-better");
    this.addTurn = button("Add an earlier turn", "+ earlier turn", "tz-quiet");
    this.addTurn.addEventListener("click", () => this.newTurn());
    this.gone = element("div", "tz-fine tz-failed");
    this.gone.setAttribute("role", "status");
    for (const chooser of [this.function, this.variant, this.model]) {
      chooser.addEventListener("input", () => (this.gone.textContent = ""));
    }
    this.root.append(this.top, this.gone, this.systemField, this.systemArguments, this.turns, this.templateField, this.arguments, this.promptField, this.more);
    this.function.addEventListener("change", () => this.chosen(true));
    this.template.addEventListener("change", () => this.drawArguments());
    this.model.addEventListener("input", () => {
      if (this.model.value && this.function.value) {
        this.function.value = "";
        this.chosen(false);
      }
    });
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        event.stopPropagation();
        this.run();
      }
    });
  }

  offer(choices) {
    const drawn = JSON.stringify(choices);
    if (drawn === this.drawn) return;
    const first = this.drawn === undefined;
    const chosen = { function: this.function.value, variant: this.variant.value };
    this.drawn = drawn;
    this.choices = choices;
    options(this.function, choices.functions.map((entry) => entry.name), ["", "— ask a model"]);
    this.models.replaceChildren(...choices.models.map((name) => Object.assign(element("option", ""), { value: name })));
    if (first) this.begin(choices);
    this.parameters = new FieldSet(choices.parameters, this.parameters);
    this.more.replaceChildren(element("summary", "", "Parameters"), this.parameters.root);
    this.chosen(false);
    if (first && choices.first.variant) this.variant.value = choices.first.variant;
    if (!first) this.sayGone(chosen);
  }

  // What was chosen and is not there any more; said until something else is chosen.
  sayGone({ function: named, variant }) {
    if (named && named !== this.function.value) this.gone.textContent = `The function ${named} is gone from the configuration.`;
    else if (variant && variant !== this.variant.value) {
      this.gone.textContent = `The variant ${variant} is gone from the configuration: the function chooses now.`;
    }
  }

  begin({ functions, models, first }) {
    const named = functions.some((entry) => entry.name === first.function);
    if (named) this.function.value = first.function;
    else if (!first.model && functions.length) this.function.value = functions[0].name;
    else this.model.value = first.model || models[0] || "";
    this.system.value = first.system ?? "";
    this.prompt.value = first.prompt ?? "";
  }

  chosen(byUser) {
    const entry = this.entry();
    if (byUser && entry) this.model.value = "";
    this.variant.disabled = !entry;
    options(this.variant, entry ? entry.variants : [], ["", entry ? "chosen by the function" : "—"]);
    const templates = entry ? entry.templates : {};
    this.systemField.hidden = "system" in templates;
    this.systemSet = "system" in templates ? new FieldSet(templates.system, this.systemSet) : null;
    this.systemArguments.replaceChildren();
    if (this.systemSet) this.systemArguments.append(element("div", "tz-label", "System"), this.systemSet.root);
    const names = Object.keys(templates).filter((name) => name !== "system" && name !== "assistant");
    options(this.template, names, "user" in templates ? null : ["", "free text"]);
    if (names.length && !this.template.value) this.template.value = names[0];
    this.templateField.hidden = names.length === 0 || (names.length === 1 && "user" in templates);
    this.drawArguments();
  }

  entry() {
    return this.choices.functions.find((entry) => entry.name === this.function.value);
  }

  drawArguments() {
    const entry = this.entry();
    const fields = entry && this.template.value ? entry.templates[this.template.value] : null;
    this.argumentSet = fields ? new FieldSet(fields, this.argumentSet) : null;
    this.arguments.replaceChildren(...(this.argumentSet ? [this.argumentSet.root] : []));
    this.promptField.hidden = Boolean(fields);
  }

  newTurn() {
    const row = element("div", "tz-row tz-turn");
    const role = element("select", "tz-input tz-role");
    role.setAttribute("aria-label", "Role");
    options(role, ["user", "assistant"]);
    role.value = this.turns.childElementCount % 2 ? "assistant" : "user";
    const text = element("textarea", "tz-input tz-area tz-grow");
    text.rows = 1;
    text.setAttribute("aria-label", "Earlier turn");
    const remove = button("Remove turn", "✕", "tz-quiet");
    remove.addEventListener("click", () => {
      row.remove();
      this.addTurn.focus();
    });
    row.append(role, text, remove);
    this.turns.append(row);
    text.focus();
  }

  read() {
    const turns = [...this.turns.children].map((row) => ({
      role: row.querySelector("select").value,
      text: row.querySelector("textarea").value,
    }));
    const template = this.argumentSet ? this.template.value : "";
    const given = {};
    if (this.systemSet) given.system = this.systemSet.read();
    if (template) given[template] = this.argumentSet.read();
    if (!template) turns.push({ role: "user", text: this.prompt.value });
    return {
      function_name: this.function.value,
      model_name: this.function.value ? "" : this.model.value.trim(),
      variant_name: this.function.value ? this.variant.value : "",
      system: this.systemSet ? "" : this.system.value,
      turns,
      template,
      arguments: given,
      parameters: this.parameters.read(),
    };
  }
}

export function buildComposer({ answer, actions, root }) {
  root.classList.add("tz-composer");
  const submit = () => {
    if (!isEnabled(run)) return;
    enable(run, false);
    actions.act("run", { form: form.read() });
  };
  const form = new ComposerForm(submit);
  const bar = element("div", "tz-row tz-bar");
  const run = button("Run", "▶ Run", "tz-primary");
  const stop = button("Stop", "■ Stop", "tz-stop");
  const problem = element("pre", "tz-error");
  run.title = "Ctrl+Enter";
  problem.setAttribute("role", "alert");
  run.addEventListener("click", submit);
  stop.addEventListener("click", () => isEnabled(stop) && actions.act("stop", {}));
  bar.append(run, stop, form.addTurn, problem);
  const notice = element("pre", "tz-notice");
  notice.setAttribute("role", "status");
  root.append(form.root, bar, notice, answer.root);
  return (view) => {
    if (view.choices) form.offer(view.choices);
    enable(run, !view.running && !actions.has("run"));
    enable(stop, view.running);
    problem.textContent = view.problem ?? "";
    problem.hidden = !view.problem;
    notice.textContent = view.notice ?? "";
    notice.hidden = !view.notice;
    answer.show(view.answer, view.channel);
  };
}
