// anywidget makes a module of each widget's `_esm` and a page never lets go of a module. So this small one takes the real one
// (page/main.js, bundled) from the model and shares it with all other panels of the page that were made of the same files.

const NAME = Symbol.for("tensorzero-notebook-panels");

function shared(model) {
  const modules = (globalThis[NAME] ??= new Map());
  const code = model.get("code");
  const sources = code.slice(0, code.indexOf("\n"));
  if (!modules.has(sources)) {
    const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    modules.set(sources, import(address).finally(() => URL.revokeObjectURL(address)));
  }
  return modules.get(sources);
}

export default {
  initialize: async (given) => (await shared(given.model)).initialize(given),
  render: async (given) => (await shared(given.model)).render(given),
};
