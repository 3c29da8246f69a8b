// A small, safe part of Markdown, built with DOM nodes: model text never becomes HTML.
// Paragraphs, headings, lists, quotes, fenced code; inline code, bold, italics, http(s) links.

const INLINE = /(`+)([\s\S]+?)\1(?!`)|\*\*([^\s*](?:[^*]*[^\s*])?)\*\*|\*([^\s*](?:[^*]*[^\s*])?)\*|\[([^\]\n]{1,500})\]\(([^()\s]{1,2000})\)/g;

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function inlineMarkdown(parent, text) {
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    parent.append(text.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] !== undefined) parent.append(element("code", "", match[2]));
    else if (match[3] !== undefined) parent.append(element("strong", "", match[3]));
    else if (match[4] !== undefined) parent.append(element("em", "", match[4]));
    else parent.append(safeLink(match[5], match[6], match[0]));
  }
  parent.append(text.slice(from));
}

function safeLink(label, target, source) {
  let url = null;
  try {
    url = new URL(target);
  } catch {
    return document.createTextNode(source);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return document.createTextNode(source);
  const link = element("a", "", label);
  link.href = url.href;
  link.rel = "noopener noreferrer";
  link.target = "_blank";
  link.title = url.href;
  return link;
}

function renderMarkdown(text) {
  const root = document.createDocumentFragment();
  const lines = text.split("\n");
  let paragraph = [];
  let list = null;
  const flush = () => {
    if (paragraph.length) {
      const node = element("p", "");
      inlineMarkdown(node, paragraph.join("\n"));
      root.append(node);
      paragraph = [];
    }
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    const fence = /^\s{0,3}(```+|~~~+)/.exec(line);
    if (fence) {
      flush();
      list = null;
      const code = [];
      for (i++; i < lines.length && !lines[i].trimStart().startsWith(fence[1]); i++) code.push(lines[i]);
      const pre = element("pre", "");
      pre.append(element("code", "", code.join("\n")));
      root.append(pre);
      continue;
    }
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    const item = /^\s{0,6}(?:([-*+])|(\d{1,6})[.)])\s+(.*)$/.exec(line);
    const quote = /^\s{0,3}>\s?(.*)$/.exec(line);
    if (heading || quote) {
      flush();
      list = null;
      const node = heading ? element("p", "tz-heading") : element("blockquote", "");
      inlineMarkdown(node, heading ? heading[2] : quote[1]);
      root.append(node);
    } else if (item) {
      flush();
      const tag = item[1] ? "ul" : "ol";
      if (!list || list.tagName.toLowerCase() !== tag) {
        list = element(tag, "");
        if (item[2]) list.start = Number(item[2]);
        root.append(list);
      }
      const node = element("li", "");
      inlineMarkdown(node, item[3]);
      list.append(node);
    } else if (line.trim() === "") {
      flush();
      list = null;
    } else {
      list = null;
      paragraph.push(line);
    }
  }
  flush();
  return root;
}
