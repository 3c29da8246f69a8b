"""Run code cells in a real kernel, in a folder; returns the finished notebook."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent


def execute(notebook: Any, folder: Path, timeout_s: int = 240) -> Any:
    """Run a notebook's cells in order; raises nbclient's `CellExecutionError` with the traceback of the first that fails."""
    from nbclient import NotebookClient

    kernel_environment = {
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(folder / ".ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / ".runtime"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    client = NotebookClient(
        notebook,
        timeout=timeout_s,
        startup_timeout=180,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    with mock.patch.dict(os.environ, kernel_environment):
        return client.execute()


def run_cells(cells: Sequence[str], folder: Path) -> Any:
    import nbformat

    v4 = nbformat.v4
    return execute(v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells]), folder)


def printed(cell: Any) -> str:
    """Everything a cell showed, as text."""
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", [])]
    return "\n".join(texts)
