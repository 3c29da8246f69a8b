// Make tensorzero_notebook/widgets/panel.bundle.js of the modules in page/ and of markdown-it; with --check, only compare.
// `npm ci --ignore-scripts` first. The first line of the bundle names what it was made of: tests compare that without node.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const widgets = join(root, "tensorzero_notebook", "widgets");
const page = join(widgets, "page");
const bundle = join(widgets, "panel.bundle.js");

// What of markdown-it is never used here is not taken along.
const left_out = { "linkify-it": join(page, "left_out.js"), "punycode.js": join(page, "left_out.js") };

function digest() {
  const files = [
    ...readdirSync(page).filter((name) => name.endsWith(".js")).map((name) => join(page, name)),
    join(root, "package.json"),
    join(root, "package-lock.json"),
    join(root, "tools", "bundle.mjs"),
  ];
  const hash = createHash("sha256");
  const named = files.map((file) => [file.slice(file.lastIndexOf("/") + 1).replace(/^.*\\/, ""), file]);
  named.sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, file] of named) hash.update(`${name}\n${readFileSync(file, "utf8").replaceAll("\r\n", "\n")}\n`);
  return hash.digest("hex");
}

const { outputFiles } = await build({
  entryPoints: [join(page, "main.js")],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2021",
  charset: "utf8",
  legalComments: "none",
  alias: left_out,
  write: false,
});
const notice = "made by tools/bundle.mjs; markdown-it, mdurl, uc.micro (MIT), entities (BSD-2-Clause): THIRD_PARTY_NOTICES.md";
const made = `// sources: ${digest()}\n// ${notice}\n${outputFiles[0].text}`;

if (process.argv.includes("--check")) {
  if (made !== readFileSync(bundle, "utf8").replaceAll("\r\n", "\n")) {
    console.error("panel.bundle.js is not what its sources make: npm run bundle");
    process.exit(1);
  }
} else {
  writeFileSync(bundle, made);
}
