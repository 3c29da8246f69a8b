"""A notebook in a real page: run, wait, restart, save."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

SCREENSHOTS = os.environ.get("TENSORZERO_SCREENSHOTS")
PANEL = "window.jupyterapp.shell.currentWidget"
READY = f"""() => {{
  const context = window.jupyterapp && {PANEL}?.sessionContext;
  const kernel = context?.session?.kernel;
  return Boolean(context?.isReady && kernel?.status === 'idle' && kernel.connectionStatus === 'connected');
}}"""


class NotebookPage:
    """`received_bytes` counts what came on the kernel's websockets."""

    def __init__(self, page: Page, url: str, path: Path) -> None:
        self.page = page
        self.url = url
        self.path = path
        self.received_bytes = 0
        self.received_messages = 0
        self.errors: list[str] = []
        page.set_default_timeout(20_000)
        page.on("websocket", self._watch)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _watch(self, websocket: Any) -> None:
        if "/channels" in websocket.url:
            websocket.on("framereceived", self._count)

    def _count(self, payload: str | bytes) -> None:
        self.received_bytes += len(payload)
        self.received_messages += 1

    def open(self) -> None:
        self.page.goto(self.url)
        self.wait_ready()

    def reload(self) -> None:
        """Leave the page, and open the notebook anew from the file."""
        self.page.goto("about:blank")
        self.open()

    def wait_ready(self, timeout: float = 40) -> None:
        self.page.wait_for_function(READY, timeout=timeout * 1000)
        expect(self.page.locator(".jp-Notebook .jp-Cell").first).to_be_visible()

    def command(self, name: str) -> None:
        self.page.evaluate("(name) => { window.jupyterapp.commands.execute(name); }", name)

    def run_all(self, timeout: float = 40) -> None:
        """Run all cells and wait until the last has run."""
        self.command("notebook:run-all-cells")
        self.wait_run(timeout)

    def wait_run(self, timeout: float = 40) -> None:
        done = f"""() => {{
          const cells = {PANEL}.content.widgets.filter((cell) => cell.model.type === 'code');
          return cells.every((cell) => cell.model.executionCount !== null && cell.model.executionState !== 'running');
        }}"""
        self.page.wait_for_function(done, timeout=timeout * 1000)
        self.page.wait_for_function(READY, timeout=timeout * 1000)

    def run_cell(self, index: int) -> None:
        """Start one cell; do not wait for it."""
        self.page.evaluate(f"(index) => {{ {PANEL}.content.activeCellIndex = index; }}", index)
        self.command("notebook:run-cell")

    def output(self, index: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(index).locator(".jp-OutputArea")

    def restart_kernel(self) -> None:
        self.page.evaluate(f"() => {{ {PANEL}.sessionContext.session.kernel.restart(); }}")
        self.wait_ready()

    def save(self) -> dict[str, Any]:
        """Save, and give what is in the file."""
        before = self.path.stat().st_mtime_ns
        self.command("docmanager:save")
        deadline = time.monotonic() + 10
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

    def shut_down(self) -> None:
        """End the kernel and the page."""
        self.page.evaluate(f"() => {{ {PANEL}?.sessionContext?.shutdown?.(); }}")
        self.page.close()
