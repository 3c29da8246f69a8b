// "This would have been better": the answer's own blocks to be edited. The kernel says what there is (views/demonstration.py)
// and gets back, block by block, what was changed; what was not keeps the model's own characters there.

import { button, element, status } from "./dom.js";

const ASK_AGAIN_MS = 2000;

export class BetterAnswer {
  constructor(channel, act) {
    this.channel = channel;
    this.act = act;
    this.boxes = [];
    this.root = element("details", "tz-better");
    this.list = element("div", "tz-drafts");
    this.left = element("div", "tz-fine");
    this.save = button("Store better answer", "Store as demonstration", "tz-quiet");
    this.note = status("tz-note");
    this.addText = button("Add text", "+ text", "tz-quiet");
    this.addCall = button("Add tool call", "+ tool call", "tz-quiet");
    const row = element("div", "tz-row tz-wrap");
    row.append(this.save, this.addText, this.addCall);
    this.root.append(element("summary", "", "This would have been better"), this.list, this.left, row, this.note);
    this.addText.addEventListener("click", () => this.add({ type: "text", text: "" }).focus());
    this.addCall.addEventListener("click", () => this.add({ type: "tool_call", name: "", arguments: "{}" }).focus());
    this.save.addEventListener("click", () => this.store());
    this.root.addEventListener("toggle", () => this.ask());
    this.save.hidden = this.addText.hidden = this.addCall.hidden = true;
  }

  // Until it comes: a message may get lost.
  ask() {
    clearTimeout(this.asking);
    if (this.drafted || !this.root.open) return;
    this.act("draft", {});
    this.asking = setTimeout(() => this.root.isConnected && this.ask(), ASK_AGAIN_MS);
  }

  take({ channel, form, blocks, left_out, tools }) {
    if (this.drafted || channel !== this.channel) return;
    this.drafted = true;
    clearTimeout(this.asking);
    this.tools = element("datalist");
    this.tools.id = `tz-tools-${Math.random().toString(36).slice(2)}`;
    this.tools.append(...tools.map((name) => Object.assign(element("option"), { value: name })));
    this.root.append(this.tools);
    this.left.textContent = left_out;
    this.left.hidden = !left_out;
    this.save.hidden = false;
    this.single = form === "json";
    this.addText.hidden = this.addCall.hidden = this.single;
    blocks.forEach((block, index) => this.add(block, index));
  }

  add(block, index = null) {
    const draft = block.type === "tool_call" ? this.toolCall(block) : this.text(block);
    draft.index = index;
    draft.before = JSON.stringify(draft.read());
    if (!this.single) {
      const remove = button("Remove block", "✕", "tz-quiet");
      remove.addEventListener("click", () => {
        this.boxes = this.boxes.filter((other) => other !== draft);
        draft.root.remove();
        this.numbered();
        this.addText.focus();
      });
      draft.root.append(remove);
    }
    this.boxes.push(draft);
    this.list.append(draft.root);
    this.numbered();
    return draft.first;
  }

  // Names that tell several blocks apart.
  numbered() {
    const single = this.boxes.length === 1;
    this.boxes.forEach((draft, index) => draft.name(single ? "" : ` ${index + 1}`));
  }

  text({ type, text }) {
    const root = element("div", "tz-row tz-draft");
    const box = element("textarea", `tz-input tz-area tz-grow ${type === "json" ? "tz-json" : ""}`);
    box.rows = 3;
    box.value = text;
    root.append(box);
    const name = (number) => box.setAttribute("aria-label", `Better answer${number}`);
    return { root, first: box, name, read: () => ({ type, text: box.value }) };
  }

  toolCall(block) {
    const root = element("div", "tz-row tz-draft");
    const parts = element("div", "tz-grow tz-tool");
    const tool = element("input", "tz-input");
    const given = element("textarea", "tz-input tz-area tz-json");
    tool.type = "text";
    tool.spellcheck = given.spellcheck = false;
    tool.placeholder = "tool";
    given.placeholder = "arguments, JSON";
    given.rows = 2;
    tool.setAttribute("list", this.tools.id);
    tool.value = block.name;
    given.value = block.arguments;
    parts.append(element("div", "tz-label", "Tool call"), tool, given);
    root.append(parts);
    const name = (number) => {
      tool.setAttribute("aria-label", `Tool${number}`);
      given.setAttribute("aria-label", `Arguments${number}`);
    };
    return { root, first: tool, name, read: () => ({ type: "tool_call", name: tool.value, arguments: given.value }) };
  }

  store() {
    const blocks = this.boxes.map(({ index, before, read }) => {
      const now = read();
      return index !== null && JSON.stringify(now) === before ? { kept: index } : { ...now, of: index };
    });
    this.act("demonstrate", { blocks });
  }

  show({ value, state }) {
    this.save.setAttribute("aria-pressed", String(value !== null));
    if (state === "stored") this.note.textContent = "stored";
  }
}
