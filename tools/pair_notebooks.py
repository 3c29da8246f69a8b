"""Make notebooks/NAME.ipynb from notebooks/NAME_nb.py (jupytext's percent format), without outputs.

    python tools/pair_notebooks.py [--check]        --check writes nothing and exits 1 where a notebook is out of date

`# %%` starts a code cell, `# %% [markdown]` a text cell; a line `# %magic` becomes `%magic`, and a cell whose first line is
`# %%magic` is uncommented whole.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
CELL = re.compile(r"^# %%(?: (.*))?$", re.MULTILINE)
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def uncommented(text: str) -> str:
    return re.sub(r"^# ?", "", text, flags=re.MULTILINE)


def code_of(text: str) -> str:
    if text.startswith("# %%"):
        return uncommented(text)
    return re.sub(r"^# (?=[%!])", "", text, flags=re.MULTILINE)


def cells_of(text: str) -> list[dict[str, Any]]:
    """The cells of a percent script; what stands before the first marker is left out."""
    parts = CELL.split(text)[1:]
    cells: list[dict[str, Any]] = []
    for number, (marker, body) in enumerate(zip(parts[::2], parts[1::2], strict=True)):
        stripped = body.strip("\n")
        cell: dict[str, Any] = {"cell_type": "markdown", "id": f"cell-{number}", "metadata": {}}
        if marker == "[markdown]":
            cell["source"] = lines_of(uncommented(stripped))
        else:
            cell |= {"cell_type": "code", "execution_count": None, "outputs": [], "source": lines_of(code_of(stripped))}
        cells.append(cell)
    return cells


def lines_of(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def notebook_of(script: Path) -> str:
    """The notebook's JSON text."""
    notebook = {"cells": cells_of(script.read_text(encoding="utf-8")), "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    stale = 0
    for script in sorted(NOTEBOOKS.glob("*_nb.py")):
        notebook = script.with_name(script.name.replace("_nb.py", ".ipynb"))
        text = notebook_of(script)
        if notebook.is_file() and notebook.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if "--check" in sys.argv:
            print(f"{notebook} is out of date: run python tools/pair_notebooks.py")
        else:
            notebook.write_text(text, encoding="utf-8")
            print(f"wrote {notebook}")
    return stale if "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
