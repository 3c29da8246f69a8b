function render({ model, el }) {
  return renderPanel(model.get("live"), el, ({ panel, act, root }) => {
    const stop = button("Stop", "■ Stop", "tz-stop");
    stop.addEventListener("click", () => act("stop", {}));
    root.append(panel.root, stop);
    return (view) => {
      panel.show(view.answer);
      stop.hidden = !view.can_stop;
    };
  });
}

export default { initialize, render };
