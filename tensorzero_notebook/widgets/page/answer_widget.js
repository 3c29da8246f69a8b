// One answer in a cell: the stream, Stop, the figures and the judgement.

import { button } from "./dom.js";

export function buildAnswer({ answer, actions, root }) {
  const stop = button("Stop", "■ Stop", "tz-stop");
  stop.addEventListener("click", () => actions.act("stop", {}));
  root.append(answer.root, stop);
  return (view) => {
    root.hidden = !view.answer;
    answer.show(view.answer, view.channel);
    if (!view.can_stop && document.activeElement === stop) answer.blocks.focus({ preventScroll: true });
    stop.hidden = !view.can_stop;
  };
}
