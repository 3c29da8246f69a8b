"""A relative path in a configuration or a variable means one place, whatever the working directory becomes later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_upstream import ScriptedUpstream, answer_with

from tensorzero import TensorZeroGateway
from tensorzero.gateway.files.object_storage import Filesystem
from tensorzero.runtime.certificates import trusted
from tensorzero.runtime.runtime import HttpError

ANSWER = '{"choices":[{"index":0,"message":{"content":"Hello."},"finish_reason":"stop"}],"usage":{}}'
TOML = """
[models.m]
routing = ["p"]
[models.m.providers.p]
type = "openai"
model_name = "m"
api_base = "{url}"
api_key_location = "path::own.key"
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Starts in one directory; a call goes to another."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    monkeypatch.chdir(tmp_path / "first")
    return lambda: monkeypatch.chdir(tmp_path / "second")


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


def test_a_file_with_a_key_is_where_it_was_when_the_configuration_was_read(
    elsewhere: Callable[[], None], upstream: ScriptedUpstream, build: Callable[..., TensorZeroGateway]
) -> None:
    client = build(TOML.format(url=upstream.url))
    Path("own.key").write_text("sk-of-the-first-folder")
    elsewhere()
    Path("own.key").write_text("sk-of-the-second-folder")
    ask: Any = {"messages": [{"role": "user", "content": "hi"}]}
    client.inference(model_name="m", input=ask, extra_body=answer_with(ANSWER))
    assert upstream.headers[0]["authorization"] == "Bearer sk-of-the-first-folder"


def test_an_object_store_stays_where_it_was(elsewhere: Callable[[], None], tmp_path: Path) -> None:
    Path("files").mkdir()
    store = Filesystem("files")
    elsewhere()
    store.put("a/b.txt", b"kept")
    assert (tmp_path / "first" / "files" / "a" / "b.txt").read_bytes() == b"kept"
    assert store.get("a/b.txt") == b"kept"
    assert store.kind == {"type": "filesystem", "path": "files"}  # rows say it as the configuration does


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_stay_where_they_were(
    elsewhere: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    name = f"{variable}-{tmp_path.name}"
    if variable == "SSL_CERT_FILE":
        Path(name).write_text("")
    else:
        Path(name).mkdir()
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv(variable, name)
    before = trusted()
    elsewhere()
    assert trusted() == before
    assert str(tmp_path / "first" / name) in before


def test_certificates_that_are_nowhere_are_an_error(elsewhere: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "nowhere.pem")
    with pytest.raises(HttpError, match="SSL_CERT_FILE"):
        trusted()
