"""Where the notebook's things are: its folder, the configuration, the database, and what to ask by default.

.tensorzero/                mode 0700, with a .gitignore of its own
    notebook.toml           settings of ours, written by the user; `TENSORZERO_*` variables come first
    default.toml            the configuration used where there is no other
    variants/               what `%%tensorzero_variant` made
    db/                     the chdb database
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorzero_notebook.errors import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]  # installed below 3.11 only

FOLDER = ".tensorzero"
CONFIG_NAMES = ("tensorzero.toml", "config/tensorzero.toml")
KEYS = ("config", "clickhouse_url", "function", "variant", "model")
DEFAULT_CONFIG = """# Used where there is no tensorzero.toml beside the notebook. Your own file goes there, not here.

[metrics.thumbs_up]
type = "boolean"
optimize = "max"
level = "inference"

[metrics.rating]
type = "float"
optimize = "max"
level = "inference"
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """`config_file` is the user's, None where there is none. `clickhouse_url` may hold a password: it is never shown."""

    folder: Path
    config_file: Path | None
    clickhouse_url: str
    function: str | None = None
    variant: str | None = None
    model: str | None = None

    def __repr__(self) -> str:
        return f"Settings(folder={str(self.folder)!r}, config_file={str(self.config_file)!r})"

    @property
    def default_config(self) -> Path:
        return self.folder / "default.toml"

    @property
    def variants_folder(self) -> Path:
        return self.folder / "variants"

    @property
    def own_database(self) -> bool:
        """Whether rows go to this folder's own chdb."""
        return self.clickhouse_url == database_url(self.folder)


def find_settings(directory: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read what there is, make nothing. Raises `UserError` for a file that is not there or not right."""
    environment = os.environ if environment is None else environment
    directory = directory.absolute()
    folder = directory / FOLDER
    written = _read(folder / "notebook.toml")

    def value(key: str) -> str | None:
        return environment.get(f"TENSORZERO_{key.upper()}") or written.get(key)

    return Settings(
        folder=folder,
        config_file=_config_file(directory, value("config")),
        clickhouse_url=value("clickhouse_url") or database_url(folder),
        function=value("function"),
        variant=value("variant"),
        model=value("model"),
    )


def database_url(folder: Path) -> str:
    """The chdb URL of the database in a `.tensorzero` folder."""
    from urllib.parse import quote

    return f"chdb://{quote((folder / 'db').as_posix())}"


def make_folder(folder: Path) -> None:
    """The folder, for its owner only, never committed by accident."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def _config_file(directory: Path, named: str | None) -> Path | None:
    if named:
        path = (directory / Path(named).expanduser()).resolve()
        if not path.is_file() and not any(sign in named for sign in "*?[{"):
            raise UserError(f"No configuration at {path}.", hint="TENSORZERO_CONFIG, or `config` in notebook.toml, names it.")
        return path
    return next((directory / name for name in CONFIG_NAMES if (directory / name).is_file()), None)


def _read(file: Path) -> dict[str, str]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        written: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file} is not TOML: {error}") from None
    wrong = [key for key, value in written.items() if key not in KEYS or not isinstance(value, str)]
    if wrong:
        raise UserError(f"{file}: {', '.join(wrong)} is not a setting.", hint=f"Settings are texts: {', '.join(KEYS)}.")
    return {key: str(value) for key, value in written.items()}
