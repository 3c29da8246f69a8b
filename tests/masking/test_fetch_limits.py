"""Files that an input names: what docs/security.md says about fetching them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from everything_shown import all_of, leaked

from tensorzero.runtime import fetch as fetching
from tensorzero.runtime.fetch import FetchError, fetch

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server that is allowed as `localhost` alone: `/to/ADDRESS` redirects there, anything else is 404 with its own path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            asked.append(self.path)
            if self.path.startswith("/to/"):
                self.send_response(302)
                self.send_header("location", f"http://{self.path[4:]}:{server.server_address[1]}/secret")
                self.send_header("content-length", "0")
                self.end_headers()
                return
            body = f"no {self.path}".encode()
            self.send_response(404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            return

    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("TENSORZERO_FETCH_ALLOW", "localhost")
    yield server.server_address[1], asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("address", ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])
def test_a_redirect_to_a_private_address_is_not_followed(files: Any, address: str) -> None:
    port, asked = files
    with pytest.raises(FetchError, match="is not a public address"):
        fetch(f"http://localhost:{port}/to/{address}", "test")
    assert asked == [f"/to/{address}"]


def test_the_limits_of_a_fetch_are_those_of_the_document() -> None:
    told = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    limits = f"{fetching.MAX_BYTES >> 20} MB, {fetching.MAX_SECONDS:.0f} seconds or {fetching.MAX_REDIRECTS} redirects"
    assert f"A fetch ends after {limits}" in told
    assert f"cut to {fetching._SHOWN_BYTES >> 10} kB" in told


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "localhost:1", "[bad"])
def test_the_error_about_a_file_shows_no_login_and_no_signature(files: Any, host: str) -> None:
    url = f"http://somebody:pass-w0rd-77@{host.format(port=files[0])}/a.png?sig=SIG0123456789&X-Amz-Signature=abcdef0123"
    with pytest.raises(FetchError) as caught:
        fetch(url, "test")
    told = all_of(caught.value)
    assert leaked("pass-w0rd-77", told) == leaked("SIG0123456789", told) == leaked("abcdef0123", told) == []
