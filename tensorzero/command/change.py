"""A change of files: checked before it is shown, shown before it is written, written whole or not at all."""

from __future__ import annotations

import difflib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tensorzero.command.failures import CommandError


@dataclass(frozen=True, slots=True)
class Change:
    """New texts of files, in the order in which they are written (the configuration last), and files to remove.

    `before` is what the files held when the change was made (no entry: not there). `unused` are files that nothing
    names any more, and that stay.
    """

    texts: Mapping[Path, str]
    before: Mapping[Path, str]
    removed: tuple[Path, ...] = ()
    unused: tuple[Path, ...] = field(default=())

    def diff(self) -> str:
        """A unified diff of every file."""
        parts = [unified(self.before.get(path), text, _shown(path), _shown(path)) for path, text in self.texts.items()]
        parts += [unified(self.before[path], None, _shown(path), _shown(path)) for path in self.removed]
        return "".join(parts)

    def write(self) -> None:
        """Make the change: each file through a temporary one, so that a reader sees the old or the new, never a part.

        Raises CommandError, with every file as it was, if one has changed meanwhile or cannot be written.
        """
        changed = [str(path) for path in (*self.texts, *self.removed) if _read(path) != self.before.get(path)]
        if changed:
            raise CommandError(*(f"{path} has changed meanwhile." for path in changed), hint="Nothing was written; try again.")
        written: list[Path] = []
        folders: list[Path] = []
        try:
            for path, text in self.texts.items():
                folders += _make_folder(path.parent)
                _replace(path, text)
                written.append(path)
        except OSError as error:
            self._undo(written, folders)
            raise CommandError(f"{error.filename}: {error.strerror}", hint="Nothing was written.") from None
        for path in self.removed:
            path.unlink(missing_ok=True)
            _remove_empty(path.parent)

    def _undo(self, written: list[Path], folders: list[Path]) -> None:
        with suppress(OSError):
            for path in reversed(written):
                if path in self.before:
                    _replace(path, self.before[path])
                else:
                    path.unlink()
            for folder in reversed(folders):
                folder.rmdir()


def unified(before: str | None, after: str | None, before_name: str, after_name: str) -> str:
    """The unified diff of two texts; None is a file that is not there. Empty for equal ones."""
    names = ("/dev/null" if before is None else before_name, "/dev/null" if after is None else after_name)
    lines = difflib.unified_diff(_lines(before), _lines(after), *names)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str | None) -> list[str]:
    """Cut at line feeds only: other line breaks are part of a template's text."""
    return [] if not text else list(_cut(text))


def _cut(text: str) -> Iterator[str]:
    parts = text.split("\n")
    yield from (f"{part}\n" for part in parts[:-1])
    if parts[-1]:
        yield parts[-1]


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None


def _make_folder(folder: Path) -> list[Path]:
    """The folders made, outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _remove_empty(folder: Path) -> None:
    """`folder`, and those around it, as long as nothing is in them; the configuration's own holds at least that."""
    with suppress(OSError):
        while True:
            folder.rmdir()
            folder = folder.parent


def _replace(path: Path, text: str) -> None:
    target = Path(os.path.realpath(path))  # a link stays a link
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        else:
            Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
