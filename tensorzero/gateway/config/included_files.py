"""The files below one folder that templates may include.

Names are relative, whatever slashes they begin with. Nothing outside the folder is read: not by `..`, by an absolute name, or
by a link that leads out, which the original would follow (observed 2026.6.0).
"""

from __future__ import annotations

import os
from pathlib import Path

from tensorzero.gateway.config.file_texts import NotUtf8Error, read_text


class IncludedFiles:
    """`paths` are the files read so far."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.paths: list[str] = []
        self._real_folder = os.path.realpath(folder)
        self._refused: dict[str, str] = {}

    def read(self, name: str) -> str | None:
        """The text of the file that an include names; None for one that is not there or not to be read."""
        path = self._path(name)
        if path is None:
            return None
        try:
            real = os.path.realpath(path, strict=True)
            if not Path(real).is_file():
                self._refused[name] = f"`{path}` is not a file."
                return None
            if os.path.commonpath([self._real_folder, real]) != self._real_folder:
                self._refused[name] = f"`{path}` is a link that leads out of the folder."
                return None
            text = read_text(real)
        except NotUtf8Error as error:
            self._refused[name] = error.hint
            return None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._refused[name] = f"`{path}`: {reason}."
            return None
        self.paths.append(str(path))
        return text

    def why_not(self, name: str) -> str:
        """Why the file that an include names was not read."""
        return self._refused.get(name, "Only what a configuration's templates name is read, when it is loaded.")

    def _path(self, name: str) -> Path | None:
        parts = name.split("/")
        if any(part.startswith(".") or "\\" in part for part in parts):
            self._refused[name] = "No part of a name may begin with a dot or hold a backslash."
        elif not parts[-1] or "\0" in name or (os.name == "nt" and ":" in name):
            self._refused[name] = "It names no file."
        else:
            return Path(self.folder, *filter(None, parts))
        return None
