function render({ model, el }) {
  const act = (action, values) => model.send({ kind: "act", action, ...values });
  const panel = new AnswerPanel(act, (kind, run, length) => model.send({ kind, run, length }));
  const root = element("div", "tz-root tex2jax_ignore mathjax_ignore");
  const stop = button("Stop", "■ Stop", "tz-stop");
  stop.addEventListener("click", () => act("stop", {}));
  root.append(panel.root, stop);
  return bindPanel(model, el, root, panel, (view) => {
    panel.show(view.answer);
    stop.hidden = !view.can_stop;
  });
}

export default { render };
