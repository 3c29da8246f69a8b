// Markdown as DOM nodes: markdown-it says what the text means, and only elements listed here are made of it. Model text never
// becomes HTML, loads nothing, and its links lead to http(s) only.

import MarkdownIt from "markdown-it";
import { element } from "./dom.js";

export const LONGEST_MARKDOWN = 2_000_000;
const MOST_SIGNS = 200_000; // that could mean something: half a second at the worst
const MOST_ELEMENTS = 40_000;
const DEEPEST = 40;
const LONGEST_FORMULA = 1000;

const ELEMENTS = {
  paragraph: "p",
  bullet_list: "ul",
  ordered_list: "ol",
  list_item: "li",
  blockquote: "blockquote",
  table: "table",
  thead: "thead",
  tbody: "tbody",
  tr: "tr",
  th: "th",
  td: "td",
  strong: "strong",
  em: "em",
  s: "s",
};

const parser = new MarkdownIt({ html: false, linkify: false, typographer: false });
parser.validateLink = (address) => webAddress(address) !== null;
parser.normalizeLink = (address) => address;
parser.normalizeLinkText = (text) => text;
parser.inline.ruler.before("escape", "formula", formula);

function webAddress(address) {
  try {
    const url = new URL(address);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

// $…$, $$…$$, \(…\) and \[…\] stay as they were written: a star or an underscore in a formula is no emphasis.
function formula(state, silent) {
  const end = formulaEnd(state.src, state.pos, state.posMax);
  if (end < 0) return false;
  if (!silent) state.pending += state.src.slice(state.pos, end);
  state.pos = end;
  return true;
}

function formulaEnd(text, at, last) {
  const until = Math.min(last, at + LONGEST_FORMULA);
  if (text[at] === "\\" && (text[at + 1] === "(" || text[at + 1] === "[")) {
    const close = text[at + 1] === "(" ? "\\)" : "\\]";
    const found = text.slice(at + 2, until).indexOf(close);
    const inside = text.slice(at + 2, at + 2 + found);
    return found > 0 && (inside.length <= 3 || /[\\^_={}<>+*/|]/.test(inside)) ? at + found + 4 : -1;
  }
  if (text[at] !== "$") return -1;
  const sign = text[at + 1] === "$" ? "$$" : "$";
  const start = at + sign.length;
  const found = text.slice(start, until).indexOf(sign);
  if (found <= 0) return -1;
  const inside = text.slice(start, start + found);
  const end = start + found + sign.length;
  const prices = sign === "$" && (/^\s|\s$/.test(inside) || /\d/.test(text[end] ?? ""));
  return prices ? -1 : end;
}

function isTooMuch(text) {
  if (text.length > LONGEST_MARKDOWN) return true;
  return text.length > MOST_SIGNS && (text.match(/[^\p{L}\p{N} ]/gu)?.length ?? 0) > MOST_SIGNS;
}

function elements(tokens) {
  let count = 0;
  for (const { nesting, hidden, type, children } of tokens) {
    if ((nesting > 0 && !hidden) || (nesting === 0 && type !== "inline" && type !== "text")) count += 1;
    if (children) count += elements(children);
  }
  return count;
}

// `text` as a fragment; null where it is too much to be drawn.
export function renderMarkdown(text) {
  if (isTooMuch(text)) return null;
  const tokens = parser.parse(text, {});
  if (elements(tokens) > MOST_ELEMENTS) return null;
  const root = document.createDocumentFragment();
  draw(tokens, [root]);
  return root;
}

// The offset where the last block of `text` begins: what stands before it does not change any more when text is added.
export function lastBlock(text) {
  if (isTooMuch(text)) return 0;
  const starts = parser.parse(text, {}).filter((token) => token.level === 0 && token.map && token.nesting >= 0);
  if (starts.length < 2) return 0;
  let at = 0;
  for (let line = starts.at(-1).map[0]; line > 0; line--) at = text.indexOf("\n", at) + 1;
  return at;
}

// `open` holds the elements that are open, the innermost last. Beyond DEEPEST an element is its parent again.
function draw(tokens, open) {
  for (const token of tokens) {
    const parent = open.at(-1);
    if (token.nesting < 0) open.pop();
    else if (token.nesting > 0) open.push(token.hidden || open.length > DEEPEST ? parent : parent.appendChild(opened(token)));
    else leaf(token, parent, open);
  }
}

function opened(token) {
  const kind = token.type.replace(/_open$/, "");
  if (kind === "heading") {
    const heading = element("p", "tz-heading");
    heading.setAttribute("role", "heading");
    heading.setAttribute("aria-level", token.tag.slice(1));
    return heading;
  }
  if (kind === "link") return link(token.attrGet("href"), undefined) ?? element("span");
  const node = element(ELEMENTS[kind] ?? "span");
  if (kind === "ordered_list" && token.attrGet("start") !== null) node.start = Number(token.attrGet("start"));
  if (kind === "th" || kind === "td") {
    const side = /text-align:(left|center|right)/.exec(token.attrGet("style") ?? "");
    if (side) node.classList.add(`tz-${side[1]}`);
  }
  return node;
}

function leaf(token, parent, open) {
  switch (token.type) {
    case "inline":
      draw(token.children, [...open]);
      break;
    case "fence":
    case "code_block": {
      const pre = element("pre");
      pre.append(element("code", "", token.content.replace(/\n$/, "")));
      parent.append(pre);
      break;
    }
    case "code_inline":
      parent.append(element("code", "", token.content));
      break;
    case "image":
      parent.append(link(token.attrGet("src"), token.content || "image") ?? token.content);
      break;
    case "hr":
      parent.append(element("hr"));
      break;
    case "hardbreak":
      parent.append(element("br"));
      break;
    case "softbreak":
      parent.append("\n");
      break;
    default:
      parent.append(token.content);
  }
}

function link(address, label) {
  const href = webAddress(address ?? "");
  if (href === null) return null;
  const node = element("a", "", label);
  node.href = href;
  node.title = href;
  hardenLink(node);
  return node;
}

export function hardenLink(node) {
  node.rel = "noopener noreferrer";
  node.target = "_blank";
}
