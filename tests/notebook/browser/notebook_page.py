"""A notebook in a real page: run, wait, restart, save."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PageTimeout

SCREENSHOTS = os.environ.get("TENSORZERO_SCREENSHOTS")
PANEL = "window.jupyterapp.shell.currentWidget"
READY = f"""() => {{
  const context = window.jupyterapp && {PANEL}?.sessionContext;
  const kernel = context?.session?.kernel;
  return Boolean(context?.isReady && kernel?.status === 'idle' && kernel.connectionStatus === 'connected');
}}"""
CELLS = f"""() => {PANEL}.content.widgets.filter((cell) => cell.model.type === 'code').map((cell) => ({{
  source: cell.model.sharedModel.getSource().split('\\n')[0],
  count: cell.model.executionCount,
  state: cell.model.executionState,
  outputs: cell.model.outputs.toJSON(),
}}))"""
RUN_ALL = """() => {
  window.cellsRan = null;
  window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => { window.cellsRan = true; });
}"""
KERNEL = f"""() => {{
  const context = {PANEL}?.sessionContext;
  const kernel = context?.session?.kernel;
  return {{ ready: context?.isReady, status: kernel?.status, connection: kernel?.connectionStatus }};
}}"""


class CellsFailed(AssertionError):
    """A cell raised, or did not end."""


class NotebookPage:
    """`received_bytes` counts what came on the kernel's websockets. `stacks`: see `Lab`."""

    def __init__(self, page: Page, url: str, path: Path, stacks: Path) -> None:
        self.page = page
        self.url = url
        self.path = path
        self.stacks = stacks
        self.received_bytes = 0
        self.received_messages = 0
        self.errors: list[str] = []
        page.set_default_timeout(60_000)
        page.on("websocket", self._watch)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _watch(self, websocket: Any) -> None:
        if "/channels" in websocket.url:
            websocket.on("framereceived", self._count)

    def _count(self, payload: str | bytes) -> None:
        self.received_bytes += len(payload)
        self.received_messages += 1

    def open(self) -> None:
        self.page.goto(self.url, timeout=120_000)
        self.wait_ready()

    def reload(self) -> None:
        """Leave the page, and open the notebook anew from the file."""
        self.page.goto("about:blank")
        self.open()

    def wait_ready(self, timeout: float = 120) -> None:
        self.page.wait_for_function(READY, timeout=timeout * 1000)
        expect(self.page.locator(".jp-Notebook .jp-Cell").first).to_be_visible()

    def command(self, name: str) -> None:
        self.page.evaluate("(name) => { window.jupyterapp.commands.execute(name); }", name)

    def run_all(self, timeout: float = 120) -> None:
        """Run all cells and wait until the last has run. On failure the error tells the cells, the kernel and its threads."""
        self.page.evaluate(RUN_ALL)
        try:
            self.page.wait_for_function("() => window.cellsRan !== null", timeout=timeout * 1000)
            self.page.wait_for_function(READY, timeout=timeout * 1000)
        except PageTimeout as error:
            raise CellsFailed(f"not over after {timeout} s\n{self.report()}") from error
        failed = [cell for cell in self.page.evaluate(CELLS) if any(out["output_type"] == "error" for out in cell["outputs"])]
        if failed:
            raise CellsFailed(f"a cell failed\n{self.report()}")

    def report(self) -> str:
        """The cells with their states and last outputs, the kernel's state, and where its threads are."""
        lines = [f"kernel: {self.page.evaluate(KERNEL)}"]
        for number, cell in enumerate(self.page.evaluate(CELLS)):
            lines.append(f"cell {number} [{cell['count']}] {cell['state']}: {cell['source'][:80]}")
            lines += [f"    {json.dumps(output, ensure_ascii=False)[-600:]}" for output in cell["outputs"][-2:]]
        return "\n".join([*lines, *self.threads()])

    def threads(self) -> list[str]:
        """Stacks of this notebook's live kernels."""
        told: list[str] = []
        for file in self.stacks.glob("*.txt"):
            if str(self.path) not in file.read_text().partition("\n")[0] or not hasattr(signal, "SIGUSR1"):
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(file.stem), signal.SIGUSR1)
                time.sleep(0.5)
                told.append(f"kernel {file.stem}: {file.read_text()}")
        return told

    def run_cell(self, index: int) -> None:
        """Start one cell; do not wait for it."""
        choose = f"{PANEL}.content.activeCellIndex = index;"
        run = "window.jupyterapp.commands.execute('notebook:run-cell');"
        self.page.evaluate(f"(index) => {{ {choose} {run} }}", index)

    def output(self, index: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(index).locator(".jp-OutputArea")

    def restart_kernel(self) -> None:
        self.page.evaluate(f"() => {PANEL}.sessionContext.session.kernel.restart()")
        self.wait_ready()

    def save(self) -> dict[str, Any]:
        """Save, and give what is in the file."""
        before = self.path.stat().st_mtime_ns
        self.command("docmanager:save")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
            with contextlib.suppress(ValueError):  # half written
                saved = json.loads(self.path.read_text())
                if self.path.stat().st_mtime_ns != before:
                    return saved
        raise TimeoutError("the notebook was not saved")

    def screenshot(self, name: str) -> None:
        if SCREENSHOTS:
            self.page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")
