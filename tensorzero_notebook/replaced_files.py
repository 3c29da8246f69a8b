"""Several files replaced together, or not at all: on a full disk, after a mistake, after an interrupt."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any


class Replaced:
    """The files have their new texts; a `with` block that fails gives them back what they had.

    New texts are written beside the files first, so that a full disk is met before anything changes; then names change, which
    needs no room. Raises OSError.
    """

    def __init__(self, texts: Mapping[Path, str]) -> None:
        self._touched: list[Path] = []
        try:
            for file, text in texts.items():
                _beside(file, "new").write_text(text, encoding="utf-8")
                _beside(file, "before").unlink(missing_ok=True)
            for file in texts:
                self._touched.append(file)
                if file.exists():
                    file.replace(_beside(file, "before"))
                _beside(file, "new").replace(file)
        except BaseException:
            self._undo()
            for file in texts:
                _beside(file, "new").unlink(missing_ok=True)
            raise

    def __enter__(self) -> Replaced:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> Any:
        if kind is not None:
            self._undo()
        for file in self._touched:
            _beside(file, "before").unlink(missing_ok=True)

    def _undo(self) -> None:
        for file in self._touched:
            with contextlib.suppress(OSError):
                before = _beside(file, "before")
                if before.exists():
                    before.replace(file)
                elif not _beside(file, "new").exists():
                    file.unlink(missing_ok=True)


def _beside(file: Path, what: str) -> Path:
    """Hidden, and of another ending, which no pattern of configurations fits."""
    return file.with_name(f".{file.name}.{what}")
