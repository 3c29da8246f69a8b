"""A changed configuration, loaded when something is about to run; a mistake keeps the old one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tensorzero.gateway.config.loading import load_config
from tensorzero.gateway.config.sections import Config
from tensorzero.gateway.config.watching import changed_since, take_stamps
from tensorzero.gateway.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Reloaded:
    """`config` is None where the change holds a mistake. `message` is for the user."""

    config: Config | None
    message: str


class ConfigWatch:
    """The files behind one configuration, as they were when they were last read."""

    def __init__(self, pattern: str, config: Config | None) -> None:
        """`config` is what was read; None where nothing was yet, so that the first `reload` does."""
        self.pattern = pattern
        self._stamps: Mapping[str, tuple[int, int] | None] = {} if config is None else take_stamps(pattern, config.files)

    def reload(self) -> Reloaded | None:
        """None when nothing changed since the last call. Reads sizes and times only, until something did."""
        changed = changed_since(self._stamps, self.pattern)
        if not changed:
            return None
        before = self._stamps
        self._stamps = take_stamps(self.pattern, before)
        try:
            config = load_config(self.pattern)
        except ConfigError as error:
            mistakes = "\n".join(f"  {mistake}" for mistake in error.message.splitlines())
            kept = "changed, with mistakes; the configuration from before stays"
            return Reloaded(None, f"{_listed(changed)} {kept}:\n{mistakes}")
        self._stamps = take_stamps(self.pattern, config.files)
        return Reloaded(config, f"{_listed(changed)} changed: loaded.")


def _listed(files: list[str]) -> str:
    here = Path.cwd()
    shown = [str(Path(file).relative_to(here)) if Path(file).is_relative_to(here) else file for file in files]
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
