"""Where a value stands in a configuration, and the list of everything wrong with it.

The original tracks a value's path in two styles: dotted keys while it reads TOML (`models.a.routing[0]`), and a new
group after `: ` wherever a `type` key chooses what follows (`functions.f: variants.v: seed`, lists as `.[0]`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tensorzero.gateway.errors import ConfigMistake


@dataclass(frozen=True, slots=True)
class Place:
    """`keys` is the whole path, for finding the file and line; `groups` and `text` are how the original prints it."""

    keys: tuple[str | int, ...] = ()
    groups: tuple[str, ...] = ()
    text: str = ""
    json: bool = False
    frozen: bool = False

    def key(self, name: str) -> Place:
        text = self.text if self.frozen else f"{self.text}.{name}" if self.text else name
        return replace(self, keys=(*self.keys, name), text=text)

    def index(self, number: int) -> Place:
        step = f".[{number}]" if self.json else f"[{number}]"
        return replace(self, keys=(*self.keys, number), text=self.text if self.frozen else self.text + step)

    def group(self) -> Place:
        """The place from which a value chosen by its `type` is read: sorted keys, a path of its own."""
        groups = (*self.groups, self.text) if self.text else self.groups
        return Place(self.keys, groups, "", json=True)

    def freeze(self) -> Place:
        """The original forgets the path below flattened structures."""
        return replace(self, frozen=True, json=True)

    @property
    def printed(self) -> str:
        return ": ".join((*self.groups, self.text) if self.text else self.groups)

    @property
    def dotted(self) -> str:
        return ".".join(map(str, self.keys))


@dataclass(slots=True)
class Mistakes:
    """Collects; nothing stops at the first."""

    found: list[tuple[str, tuple[str | int, ...], str | None, str | None]] = field(default_factory=list)

    def at(self, place: Place, text: str, nearest: str | None = None, *, hint: str | None = None) -> None:
        """`text` after the place's printed path."""
        self.say(f"{place.printed}: {text}" if place.printed else text, place.keys, nearest, hint=hint)

    def say(self, message: str, keys: Sequence[str | int] = (), nearest: str | None = None, *, hint: str | None = None) -> None:
        entry = (message, tuple(keys), nearest, hint)
        if entry not in self.found:
            self.found.append(entry)

    def about(self, keys: Sequence[str | int]) -> bool:
        """Whether something was said about the value at `keys`, or about a part of it."""
        return any(said[: len(keys)] == tuple(keys) for _, said, *_ in self.found)

    def as_config_mistakes(self, locate: Locate) -> list[ConfigMistake]:
        out: list[ConfigMistake] = []
        for message, keys, near, hint in self.found:
            file, line = locate(keys)
            dotted = ".".join(map(str, keys)) or None
            out.append(ConfigMistake(message, file=file, key_path=dotted, nearest=near, line=line, hint=hint))
        return out


class Locate:
    """Finds the file and line of a key path; see files.Sources."""

    def __call__(self, keys: tuple[str | int, ...]) -> tuple[str | None, int | None]:
        return None, None


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The right name that `name` most likely meant."""
    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)), None)
