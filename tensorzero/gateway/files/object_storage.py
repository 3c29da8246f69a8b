"""`[object_storage]`: where the files of inferences are kept. Paths name their content, so a path is written once."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from tensorzero.gateway.errors import ConfigError, ConfigMistake, GatewayError
from tensorzero.settled import settled

if TYPE_CHECKING:
    from obstore.store import S3Store

VALIDATION = ".tensorzero-validate"


class ObjectStore(Protocol):
    """Blocking and thread-safe. `kind` is what rows say about the place."""

    kind: Mapping[str, Any]

    def put(self, path: str, content: bytes) -> None:
        """Write unless there is something already. Raises OSError or ValueError."""
        ...

    def get(self, path: str) -> bytes:
        """Raises OSError where there is nothing, GatewayError where there is no store."""
        ...


def open_object_store(settings: Mapping[str, Any]) -> ObjectStore:
    """The store that a checked `[object_storage]` section describes. Opens no connection."""
    match settings["type"]:
        case "filesystem":
            return Filesystem(settings["path"])
        case "s3_compatible":
            return S3(settings)
        case _:
            return Disabled()


def validate(store: ObjectStore) -> None:
    """Write an empty file, as the original does at its start. Raises `ConfigError` when the store takes none."""
    try:
        store.put(VALIDATION, b"")
    except (OSError, ValueError) as error:
        message = (
            f"Failed to write `{VALIDATION}` to object store. Check that your credentials are configured correctly: {error}"
        )
        raise ConfigError([ConfigMistake(message, key_path="object_storage")]) from error


class Disabled:
    """Files are not kept; rows still say where they would lie."""

    kind: Mapping[str, Any] = {"type": "disabled"}

    def put(self, path: str, content: bytes) -> None:
        """Nothing happens."""

    def get(self, path: str) -> bytes:
        raise GatewayError("Object store was disabled")


class Filesystem:
    """Files under one directory."""

    def __init__(self, root: str) -> None:
        self.kind: Mapping[str, Any] = {"type": "filesystem", "path": root}
        self._root = Path(settled(root))

    def put(self, path: str, content: bytes) -> None:
        target = self._root / inside(path)
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"{target.name}#{secrets.token_hex(4)}")
        try:
            unfinished.write_bytes(content)
            unfinished.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise

    def get(self, path: str) -> bytes:
        target = self._root / inside(path)
        try:
            return target.read_bytes()
        except FileNotFoundError as error:
            reason = f"{error.strerror} (os error {error.errno})"
            raise OSError(f"Object at location {target.resolve()} not found: {reason}") from None


class S3:
    """A bucket of anything that speaks S3. Needs the extra `s3`.

    Keys: `S3_ACCESS_KEY_ID` and `S3_SECRET_ACCESS_KEY`, else what the AWS SDKs look at.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        names = ("bucket_name", "region", "endpoint", "allow_http")
        self._settings = {name: _from_environment(settings.get(name)) for name in names}
        self.kind: Mapping[str, Any] = {"type": "s3_compatible", **self._settings}
        self._store: S3Store | None = None

    def _opened(self) -> S3Store:
        if self._store is None:
            self._store = self._open()
        return self._store

    def _open(self) -> S3Store:
        try:
            from obstore.store import S3Store
        except ImportError:
            raise GatewayError(
                "Object storage of type `s3_compatible` needs the package `obstore`, which is not installed.",
                hint='Install it with `pip install "tensorzero[s3]"`.',
            ) from None
        settings, given = self._settings, {}
        key, secret = os.environ.get("S3_ACCESS_KEY_ID"), os.environ.get("S3_SECRET_ACCESS_KEY")
        if key and secret:
            given = {"access_key_id": key, "secret_access_key": secret}
        for name in ("region", "endpoint"):
            if settings[name] is not None:
                given[name] = settings[name]
        bucket = settings["bucket_name"] or os.environ.get("AWS_BUCKET") or os.environ.get("AWS_BUCKET_NAME")
        allow_http = bool(settings["allow_http"]) or os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")
        return S3Store(bucket, config=given, client_options={"allow_http": allow_http})  # type: ignore[arg-type]

    def put(self, path: str, content: bytes) -> None:
        store = self._opened()
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError

        try:
            obstore.put(store, str(inside(path)), content, mode="create")
        except AlreadyExistsError:
            return
        except BaseError as error:
            raise OSError(str(error)) from None

    def get(self, path: str) -> bytes:
        store = self._opened()
        import obstore
        from obstore.exceptions import BaseError

        try:
            return bytes(obstore.get(store, str(inside(path))).bytes())
        except BaseError as error:
            raise OSError(str(error)) from None


def inside(path: str) -> PurePosixPath:
    """`path` as one that stays inside its store. Raises ValueError for any other."""
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"`{path}` is not a path inside an object store")
    return PurePosixPath(*parts)


def _from_environment(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("env::"):
        return os.environ.get(value.removeprefix("env::"))
    return value
