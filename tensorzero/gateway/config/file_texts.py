"""The text of a file that a configuration names, and what to do where there is none."""

from __future__ import annotations

import codecs
from difflib import get_close_matches
from pathlib import Path

NOT_UTF8 = "stream did not contain valid UTF-8"
_LISTED = 8
_OTHER_MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


class NotUtf8Error(ValueError):
    """The bytes of a file are not UTF-8; `hint` says where, or what they are."""

    def __init__(self, hint: str) -> None:
        super().__init__(NOT_UTF8)
        self.hint = hint


def read_text(path: str) -> str:
    """The text as it is, line ends and a byte order mark included. Raises OSError and NotUtf8Error."""
    data = Path(path).read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotUtf8Error(f"Save `{path}` as UTF-8: {_what_is_wrong(data, error.start)}.") from None


def _what_is_wrong(data: bytes, at: int) -> str:
    for mark, name in _OTHER_MARKS.items():
        if data.startswith(mark):
            return f"it begins with the mark of {name}"
    line = data.count(b"\n", 0, at) + 1
    column = at - (data.rfind(b"\n", 0, at) + 1) + 1
    return f"the byte 0x{data[at]:02x} in line {line}, column {column} is of another encoding"


def mark_hint(text: str, name: str) -> str | None:
    """For a reader that takes no byte order mark."""
    return f"`{name}` begins with a byte order mark: save it as UTF-8 without one." if text.startswith("\ufeff") else None


def missing_hint(path: Path) -> str:
    """What there is in the place of a file that is not there."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    if folder != path.parent:
        return f"There is no folder `{path.parent}`{_near(folder, path.parts[len(folder.parts)], folders=True)}."
    if path.is_dir():
        return f"`{path}` is a folder: name a file in it, or `{path.as_posix()}/**/*.toml`."
    return f"There is no `{path.name}` in `{folder}`{_near(folder, path.name, folders=False)}."


def _near(folder: Path, name: str, *, folders: bool) -> str:
    """`, which has …`: the nearest names first."""
    try:
        names = sorted(entry.name for entry in folder.iterdir() if folders == entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return ", which cannot be read"
    near = get_close_matches(name, names, _LISTED)
    same_kind = [other for other in names if other not in near and Path(other).suffix == Path(name).suffix]
    listed = [*near, *same_kind][:_LISTED]
    if not listed:
        return ""
    return f"; `{folder}` has {', '.join(f'`{one}`' for one in listed)}"
