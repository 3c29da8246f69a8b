"""Files in the input: what providers get, what is fetched and from where, what is stored."""

from __future__ import annotations

import base64
import contextlib
import http.server
import ipaddress
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tensorzero import TensorZeroError, TensorZeroGateway, TensorZeroInternalError
from tensorzero.gateway.files.object_storage import Filesystem, inside
from tensorzero.inputs.file_types import audio_format, suffix
from tensorzero.runtime.fetch import Exceptions, FetchError, fetch, is_public

Build = Callable[..., TensorZeroGateway]
PNG = b"\x89PNG\r\n\x1a\n0000"
DISABLED = '\n[object_storage]\ntype = "disabled"\n'
KEPT = "observability/files/"


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


class FileServer:
    """A loopback server. `paths` are those that were asked for."""

    def __init__(self) -> None:
        server = self
        self.paths: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_GET(self) -> None:
                server.paths.append(self.path)
                server.answer(self)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        status, kind, body, more = 200, "image/png", PNG, {}
        match request.path.split("?")[0]:
            case "/404":
                status, body = 404, b"nothing here"
            case "/words":
                kind, body = "text/plain", b"plain words"
            case "/untyped":
                kind, body = "", b"plain words"
            case "/loop":
                status, more = 302, {"location": "/loop"}
            case "/there":
                status, more = 302, {"location": "/a.png"}
            case "/to-file":
                status, more = 302, {"location": "file:///etc/passwd"}
            case "/to-private":
                status, more = 302, {"location": self.url.replace("127.0.0.1", "[::1]")}
            case "/slow":
                request.send_response(200)
                request.end_headers()
                with contextlib.suppress(OSError):
                    while True:
                        request.wfile.write(b"x")
                        request.wfile.flush()
                        time.sleep(0.05)
                return
            case "/big-error":
                status, body = 500, b"x" * 1_000_000
            case "/big":
                body = b"x" * 1_000_000
            case _:
                pass
        request.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(body)), **more}.items():
            if value:
                request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def files() -> Iterator[FileServer]:
    server = FileServer()
    yield server
    server.close()


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORZERO_FETCH_ALLOW", "127.0.0.0/8")


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", **fields}


def ask(client: Any, *blocks: dict[str, Any], **arguments: Any) -> Any:
    content = [{"type": "text", "text": "look"}, *blocks]
    given = {"messages": [{"role": "user", "content": content}]}
    return client.inference(model_name=arguments.pop("model_name", "plain"), input=given, **arguments)


def sent(mock_provider: Any) -> Any:
    """The file's part in the last request upstream."""
    return mock_provider.requests()[-1]["body"]["messages"][0]["content"][1]


def stored_file(client: Any, stored: Any, table: str = "ChatInference") -> dict[str, Any]:
    row = stored.rows(client, table)[-1]
    messages = orjson.loads(row["input"])["messages"] if table == "ChatInference" else orjson.loads(row["input_messages"])
    return messages[0]["content"][1]


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        (
            {"mime_type": "image/png", "detail": "low"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,DATA", "detail": "low"}},
        ),
        ({"mime_type": "audio/mpeg"}, {"type": "input_audio", "input_audio": {"data": "DATA", "format": "mp3"}}),
        (
            {"mime_type": "application/pdf"},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,DATA", "filename": "input.pdf"}},
        ),
        (
            {"mime_type": "text/zzz", "filename": "a.zzz"},
            {"type": "file", "file": {"file_data": "data:text/zzz;base64,DATA", "filename": "a.zzz"}},
        ),
        ({"mime_type": "text/csv"}, {"type": "image_url", "image_url": {"url": "data:text/csv;base64,DATA"}}),
    ],
)
def test_a_part_is_chosen_by_the_files_type(
    build: Build, models: Callable[..., str], mock_provider: Any, fields: Any, part: Any
) -> None:
    client = build(models("plain", content_type_overrides='{"text/csv" = "image_url"}') + DISABLED)
    ask(client, file(file_type="base64", data=b64(PNG), **fields))
    expected = orjson.dumps(part).replace(b"DATA", b64(PNG).encode())
    assert orjson.dumps(sent(mock_provider)) == expected


@pytest.mark.parametrize(
    ("mime_type", "message"),
    [
        ("audio/zzz", "Unsupported audio MIME type: audio/zzz. Supported"),
        ("text/zzz", "Mime type text/zzz has no filetype suffix"),
    ],
)
def test_a_type_that_no_part_carries_is_an_error(
    build: Build, models: Callable[..., str], mime_type: str, message: str
) -> None:
    client = build(models("plain") + DISABLED)
    with pytest.raises(TensorZeroError) as caught:
        ask(client, file(file_type="base64", data=b64(PNG), mime_type=mime_type))
    assert message in str(caught.value.text)


def test_an_image_url_is_passed_on_and_nothing_is_fetched_unless_it_is_recorded(
    build: Build, models: Callable[..., str], mock_provider: Any, files: FileServer, allowed: None
) -> None:
    ask(build(models("plain") + DISABLED), file(file_type="url", url=files.url + "/a.png"))
    assert sent(mock_provider) == {"type": "image_url", "image_url": {"url": files.url + "/a.png"}}
    assert files.paths == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_file_passed_on_by_url_is_fetched_for_the_store(
    build: Build,
    models: Callable[..., str],
    stored: Any,
    files: FileServer,
    allowed: None,
    tmp_path: Path,
    stream: bool,
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    client = build(models("plain") + f'\n[object_storage]\ntype = "filesystem"\npath = "{store}"\n', stored.url)
    answer = ask(client, file(file_type="url", url=files.url + "/a.png"), stream=stream)
    if stream:
        list(answer)
    row = stored_file(client, stored)
    assert row == stored_file(client, stored, "ModelInference")
    assert (row["source_url"], row["mime_type"]) == (files.url + "/a.png", "image/png")
    assert row["storage_path"]["kind"] == {"type": "filesystem", "path": str(store)}
    assert (store / row["storage_path"]["path"]).read_bytes() == PNG
    assert files.paths == ["/a.png"]


def test_a_dry_run_keeps_no_file(build: Build, models: Callable[..., str], stored: Any, tmp_path: Path) -> None:
    client = build(models("plain") + f'\n[object_storage]\ntype = "filesystem"\npath = "{tmp_path}"\n', stored.url)
    ask(client, file(file_type="base64", data=b64(PNG), mime_type="image/png"), dryrun=True)
    assert not (tmp_path / "observability").exists()


def test_a_stored_file_is_read_back_for_a_pointer(
    build: Build, models: Callable[..., str], stored: Any, mock_provider: Any, tmp_path: Path
) -> None:
    client = build(models("plain") + f'\n[object_storage]\ntype = "filesystem"\npath = "{tmp_path}"\n', stored.url)
    ask(client, file(file_type="base64", data=b64(PNG), mime_type="image/png"))
    before, raw = stored_file(client, stored), stored.rows(client, "ModelInference")[-1]["raw_request"]
    assert "<TENSORZERO_FILE_0>" in raw
    assert b64(PNG) not in raw
    pointer = file(file_type="object_storage_pointer", mime_type="image/png", storage_path=before["storage_path"])
    ask(client, pointer)
    assert sent(mock_provider)["image_url"]["url"] == f"data:image/png;base64,{b64(PNG)}"
    assert stored_file(client, stored) == before
    for path in ("observability/files/none.png", "/etc/passwd", "a\\..\\b", ""):
        with pytest.raises(TensorZeroError, match="Error getting object"):
            ask(client, {**pointer, "storage_path": {**before["storage_path"], "path": path}})
    with pytest.raises(TensorZeroError, match="another object store"):
        ask(client, {**pointer, "storage_path": {"kind": {"type": "filesystem", "path": "/"}, "path": "etc/passwd"}})
    with pytest.raises(TensorZeroError, match="Object store was disabled"):
        ask(client, {**pointer, "storage_path": {"kind": {"type": "disabled"}, "path": "x"}})


def test_a_file_that_lies_in_a_store_needs_none_configured(
    build: Build, models: Callable[..., str], stored: Any, mock_provider: Any
) -> None:
    client = build(models("plain"), stored.url)
    place = {"kind": {"type": "disabled"}, "path": "observability/files/x.png"}
    whole = file(file_type="object_storage", data=b64(PNG), mime_type="image/png", storage_path=place)
    ask(client, whole)
    assert sent(mock_provider)["image_url"]["url"] == f"data:image/png;base64,{b64(PNG)}"
    assert stored_file(client, stored)["storage_path"] == place
    pointer = file(file_type="object_storage_pointer", mime_type="image/png", storage_path=place)
    with pytest.raises(TensorZeroError, match=r"failed to infer with errors: .*: Object store was disabled"):
        ask(client, pointer)
    with pytest.raises(TensorZeroError, match="Object storage is not configured"):
        ask(client, pointer, file(file_type="base64", data=b64(PNG), mime_type="image/png"))


@pytest.mark.parametrize(
    ("path", "mime", "expected"),
    [
        ("/a.png", None, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64(PNG)}"}}),
        (
            "/there",
            "application/pdf",
            {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{b64(PNG)}", "filename": "input.pdf"}},
        ),
        (
            "/words",
            None,
            {"type": "file", "file": {"file_data": f"data:text/plain;base64,{b64(b'plain words')}", "filename": "input.txt"}},
        ),
        ("/untyped", None, "`mime_type` not provided, and unable to infer from file content or Content-Type header"),
        ("/404", None, "HTTP error 404 Not Found: nothing here"),
        ("/loop", None, "more than 5 redirects"),
        ("/to-file", None, "HTTP error 302 Found"),
        ("/to-private", None, "::1 is not a public address"),
    ],
)
def test_the_gateway_can_fetch_every_file_first(
    build: Build,
    models: Callable[..., str],
    mock_provider: Any,
    files: FileServer,
    allowed: None,
    path: str,
    mime: Any,
    expected: Any,
) -> None:
    client = build("gateway.fetch_and_encode_input_files_before_inference = true\n" + models("plain") + DISABLED)
    block = file(file_type="url", url=files.url + path, mime_type=mime)
    if isinstance(expected, str):
        with pytest.raises(TensorZeroError) as caught:
            ask(client, block)
        assert f"p: Error fetching file from {files.url}{path}: " in str(caught.value.text)
        assert expected in str(caught.value.text)
        assert mock_provider.requests() == []
    else:
        ask(client, block)
        assert sent(mock_provider) == expected


def test_a_type_that_is_no_image_is_fetched_for_a_provider_that_takes_image_urls(
    build: Build, models: Callable[..., str], mock_provider: Any, files: FileServer, allowed: None
) -> None:
    ask(build(models("plain") + DISABLED), file(file_type="url", url=files.url + "/words", mime_type="text/plain"))
    assert sent(mock_provider)["file"]["filename"] == "input.txt"


def test_private_addresses_are_never_asked(
    build: Build, models: Callable[..., str], stored: Any, mock_provider: Any, files: FileServer
) -> None:
    client = build(models("plain") + DISABLED, stored.url)
    spellings = ("127.0.0.1", "localhost", "localhost.", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0", "u:p@127.1")
    for url in (files.url.replace("127.0.0.1", spelling) for spelling in spellings):
        with pytest.raises(TensorZeroError, match="is not a public address") as caught:
            ask(client, file(file_type="url", url=url + "/x", mime_type="application/pdf"))
        assert "TENSORZERO_FETCH_ALLOW" in caught.value.hint  # type: ignore[attr-defined]
    ask(client, file(file_type="url", url=files.url + "/a.png"))
    assert len(mock_provider.requests()) == 1
    assert files.paths == []
    assert stored_file(client, stored)["source_url"] == files.url + "/a.png"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.1.2.3", False), ("172.16.0.1", False),
        ("192.168.1.1", False), ("169.254.169.254", False), ("100.100.100.200", False), ("168.63.129.16", False),
        ("0.0.0.0", False), ("224.0.0.1", False), ("::1", False), ("fe80::1", False), ("fd00:ec2::254", False),
        ("::ffff:10.0.0.1", False), ("64:ff9b::a9fe:a9fe", False), ("2002:7f00:1::", False), ("::", False),
        ("::127.0.0.1", False), ("fec0::1", False), ("64:ff9b:1::1", False), ("64:ff9b::808:808", True), ("ff02::1", False),
    ],
)  # fmt: skip
def test_public_addresses_are_told_from_others(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.0/8", "localhost", " x.example , LOCALHOST", "::1,127.0.0.1"])
def test_exceptions_are_hosts_addresses_and_networks(monkeypatch: pytest.MonkeyPatch, files: FileServer, entry: str) -> None:
    monkeypatch.setenv("TENSORZERO_FETCH_ALLOW", entry)
    host = "localhost" if "localhost" in entry.lower() else "127.0.0.1"
    assert fetch(files.url.replace("127.0.0.1", host) + "/a.png", "test").content == PNG


def test_an_exception_for_one_host_is_none_for_another() -> None:
    exceptions = Exceptions("a.example, 10.0.0.0/8")
    assert exceptions.names("A.example")
    assert not exceptions.names("b.example")
    assert exceptions.holds(ipaddress.ip_address("10.9.9.9"))
    assert not exceptions.holds(ipaddress.ip_address("11.0.0.1"))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://", "gopher://x/", "http://[bad/"])
def test_only_http_is_fetched(allowed: None, url: str) -> None:
    with pytest.raises(FetchError):
        fetch(url, "test")


def test_a_fetch_is_bounded_in_time_and_size(allowed: None, files: FileServer) -> None:
    with pytest.raises(FetchError):
        fetch(files.url + "/slow", "test", seconds=0.3)
    with pytest.raises(FetchError, match="larger than 1000 bytes"):
        fetch(files.url + "/big", "test", max_bytes=1000)


def test_a_provider_time_limit_covers_the_fetch(
    build: Build, models: Callable[..., str], files: FileServer, allowed: None
) -> None:
    client = build(models("plain", **{"timeouts.non_streaming.total_ms": "200"}) + DISABLED)
    with pytest.raises(TensorZeroError, match="timed out due to configured"):
        ask(client, file(file_type="url", url=files.url + "/slow", mime_type="application/pdf"))


def test_suffixes_and_audio_formats() -> None:
    types = ("image/jpeg", "text/plain", "audio/x-wav", "application/msword", "text/csv; charset=utf-8")
    assert [suffix(name) for name in types] == ["jpg", "txt", "wav", "wiz", "csv"]
    assert suffix("application/zzz") is None
    assert audio_format("audio/mp4") == "m4a"
    assert audio_format("image/png") is None


@pytest.mark.parametrize("path", ["../x", "a/../b", "a//b", "./a", ".."])
def test_a_pointer_that_leads_out_of_the_store_is_no_file(build: Build, models: Callable[..., str], path: str) -> None:
    place = {"kind": {"type": "disabled"}, "path": path}
    with pytest.raises(TensorZeroInternalError, match="did not match any variant of untagged enum FileTaggedOrUntagged"):
        ask(
            build(models("plain") + DISABLED),
            file(file_type="object_storage_pointer", mime_type="image/png", storage_path=place),
        )


def test_a_long_error_page_is_cut_in_the_error(allowed: None, files: FileServer) -> None:
    with pytest.raises(FetchError, match="HTTP error 500") as caught:
        fetch(files.url + "/big-error", "test")
    assert len(str(caught.value)) < 100_000


def test_a_store_that_takes_nothing_is_an_error_at_the_start(build: Build, tmp_path: Path) -> None:
    (tmp_path / "plain-file").write_text("")
    with pytest.raises(TensorZeroInternalError, match=r"Failed to write `\.tensorzero-validate` to object store"):
        build(f'[object_storage]\ntype = "filesystem"\npath = "{tmp_path}/plain-file"\n')


def test_a_file_is_written_once_and_whole(tmp_path: Path) -> None:
    store = Filesystem(str(tmp_path))
    store.put("a/b.txt", b"first")
    store.put("a/b.txt", b"second")
    assert store.get("a/b.txt") == b"first"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]
    for path in ("../x", "/x", "a/../../x", "", "a\\..\\x"):
        with pytest.raises(ValueError, match="not a path inside"):
            inside(path)
