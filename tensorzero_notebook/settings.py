"""Where the notebook's things are: its folder, the configuration, the database, and what to ask by default.

.tensorzero/                mode 0700, with a .gitignore of its own; made where something is to be kept in it
    notebook.toml           settings of ours, written by the user; `TENSORZERO_*` variables come first
    default.toml            the configuration used where there is no other
    variants/               what `%%tensorzero_variant` made
    db/                     the chdb database
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Container, Mapping
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
DEFAULT_FILE = Path(__file__).with_name("default.toml")
DEFAULT_CONFIG = DEFAULT_FILE.read_text("utf-8")
"""The configuration used where there is no other: two metrics."""
NAMED = "TENSORZERO_CONFIG, or `config` in notebook.toml, names it."
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
ELSEWHERE = "TENSORZERO_CLICKHOUSE_URL names a database elsewhere: a server, or chdb:///a/folder/of/yours."

SPOOL_ELSEWHERE = "TENSORZERO_SPOOL_DIR names another folder for rows on their way to the database."

DEFAULT_METRICS = ("thumbs_up", "rating")


@dataclass(frozen=True, slots=True)
class Settings:
    """`config_file` is the user's, None where there is none; it may be a glob.

    `clickhouse_url` may hold a password: it is never shown.
    """

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

    @property
    def base_pattern(self) -> str:
        """The user's configuration, or ours: a pattern in which its folders stand as they are written.

        Ours is the package's own file, until there is one in the folder.
        """
        from tensorzero.gateway.config.globs import escaped

        if self.config_file is None:
            return escaped((self.default_config if self.default_config.is_file() else DEFAULT_FILE).as_posix())
        if self.config_file.is_file():
            return escaped(self.config_file.as_posix())
        here = self.folder.parent.resolve()
        if self.config_file.is_relative_to(here):
            return f"{escaped(here.as_posix())}/{self.config_file.relative_to(here).as_posix()}"
        return self.config_file.as_posix()


def working_directory() -> Path:
    """Raises `UserError` where it is gone."""
    try:
        return Path.cwd()
    except OSError as error:
        raise UserError(f"The working directory cannot be read: {error.strerror}.", hint="%cd goes to another.") from None


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


def make_folder(folder: Path, hint: str = ELSEWHERE) -> None:
    """The folder, for its owner only, never committed by accident. Raises `UserError` where it cannot be written.

    `hint` is the next step there.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(folder.stat().st_mode) != 0o700:
            folder.chmod(0o700)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise unwritable(folder, error, hint) from error


def write_default(settings: Settings) -> None:
    """`default.toml`, where it is not there as it should be. Raises `UserError`."""
    default = settings.default_config
    try:
        if not default.exists() or default.read_text("utf-8") != DEFAULT_CONFIG:
            default.write_text(DEFAULT_CONFIG, encoding="utf-8")
    except OSError as error:
        raise unwritable(settings.folder, error, ELSEWHERE) from error


def unwritable(folder: Path, error: OSError, hint: str) -> UserError:
    """What keeps a folder, or the file in it that the error names, from being written."""
    if folder.exists() and not folder.is_dir():
        return UserError(f"{folder} is a file, where a folder is wanted.", hint=f"Move the file away. {hint}")
    place = error.filename or folder
    if error.errno in FULL:
        return UserError(f"{place} cannot be written: the disk is full.", hint=f"Make room. {hint}")
    return UserError(f"{place} cannot be written: {error.strerror or error}.", hint=hint)


def appeared_config(settings: Settings) -> Path | None:
    """The user's configuration that was not there when the settings were read. Costs two looks at the disk."""
    if settings.config_file is not None:
        return None
    directory = settings.folder.parent
    return next((directory / name for name in CONFIG_NAMES if (directory / name).is_file()), None)


def told_missing_metrics(metrics: Container[str]) -> str:
    """What to add to a configuration that takes the notebook's own metrics away; "" where it has one of them."""
    if any(name in metrics for name in DEFAULT_METRICS):
        return ""
    block = DEFAULT_CONFIG.partition("\n\n")[2].strip()
    return f"It has no thumbs_up and no rating: 👍 and 👎 are gone. These lines bring them back:\n\n{block}\n"


def _config_file(directory: Path, named: str | None) -> Path | None:
    if named:
        path = (directory / os.path.expanduser(named)).resolve()  # noqa: PTH111 - which leaves `~` where there is no home
        if not path.is_file() and not any(sign in named for sign in "*?[{"):
            raise UserError(f"No configuration at {path}.", hint=NAMED)
        return path
    return next((directory / name for name in CONFIG_NAMES if (directory / name).is_file()), None)


def _read(file: Path) -> dict[str, str]:
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    try:
        written: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file} is not TOML: {error}") from None
    wrong = [key for key, value in written.items() if key not in KEYS or not isinstance(value, str)]
    if wrong:
        raise UserError(f"{file}: {', '.join(wrong)} is not a setting.", hint=f"Settings are texts: {', '.join(KEYS)}.")
    return {key: str(value) for key, value in written.items()}
