// The module that every panel of a page shares (see loader.js).

import { buildAnswer } from "./answer_widget.js";
import { buildComposer } from "./composer.js";
import { renderPanel, startPanels } from "./panel.js";

// What the `kind` of a widget draws.
export const BUILDS = { answer: buildAnswer, composer: buildComposer };

export const initialize = ({ model }) => startPanels(model, BUILDS[model.get("kind")]);
export const render = ({ model, el }) => renderPanel(model, el);

export { Channels } from "./channel.js"; // these for tests
export { Drawing } from "./drawing.js";
export { renderMarkdown } from "./markdown.js";
