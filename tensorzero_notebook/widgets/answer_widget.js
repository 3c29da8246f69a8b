function render({ model, el }) {
  return renderPanel(model.get("live"), el, ({ panel, actions, root }) => {
    const stop = button("Stop", "■ Stop", "tz-stop");
    stop.addEventListener("click", () => actions.act("stop", {}));
    root.append(panel.root, stop);
    return (view) => {
      root.hidden = !view.answer;
      panel.show(view.answer, view.run);
      if (!view.can_stop && document.activeElement === stop) panel.blocks.focus({ preventScroll: true });
      stop.hidden = !view.can_stop;
    };
  });
}

export default { initialize, render };
