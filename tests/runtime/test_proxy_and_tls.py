"""Proxies and certificates come from the environment, whatever the library."""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from socket_server import SocketServer
from ways import WAYS, Way, get, within

from tensorzero.runtime.runtime import HttpError


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed one for 127.0.0.1 and model.test, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:model.test", "-days", "2", "-nodes"]
    subject += ["-addext", "basicConstraints=critical,CA:TRUE"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", *subject]
    subprocess.run([*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


@pytest.fixture
def tls_server(certificate: tuple[Path, Path]) -> Iterator[SocketServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    running = SocketServer(context)
    yield running
    running.close()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    with Way(request.param) as found:
        yield found


def test_an_unknown_certificate_is_refused(way: Way, tls_server: SocketServer) -> None:
    with pytest.raises(HttpError) as caught:
        way.send(get(tls_server.url + "/hello"))
    assert "certificate" in caught.value.chain[-1].lower()
    assert tls_server.requests == []


def test_ssl_cert_file_names_whom_to_trust(
    way: Way, tls_server: SocketServer, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert way.send(get(tls_server.url + "/hello")).body == b"hello"


def elsewhere(server: SocketServer) -> str:
    """The same server by a name that only a proxy knows."""
    return server.url.replace("127.0.0.1", "model.test")


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def test_https_proxy_carries_tls(
    way: Way,
    server: SocketServer,
    tls_server: SocketServer,
    certificate: tuple[Path, Path],
    no_proxies: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "elsewhere.example")
    assert way.send(get(elsewhere(tls_server) + "/hello")).body == b"hello"
    assert [asked["method"] for asked in server.requests] == ["CONNECT"]


@pytest.mark.parametrize("exceptions", ["elsewhere.example,model.test", ".test", "*", "test", "[::1, model.test"])
def test_no_proxy_names_hosts_that_are_asked_without_it(
    way: Way, server: SocketServer, no_proxies: None, monkeypatch: pytest.MonkeyPatch, exceptions: str
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("NO_PROXY", exceptions)
    with pytest.raises(HttpError):  # nobody but the proxy knows the name
        way.send(get(elsewhere(server) + "/hello"))
    assert server.requests == []


@pytest.mark.parametrize("exceptions", ["", "[::1", ",,", "127.0.0.0/99", "\x01", "é", "http://x", ":80", "odel.test"])
def test_what_no_proxy_does_not_name_is_asked_through_it(
    way: Way, server: SocketServer, no_proxies: None, monkeypatch: pytest.MonkeyPatch, exceptions: str
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert way.send(get(elsewhere(server) + "/hello")).body == b"hello"
    assert server.requests[0]["path"] == elsewhere(server) + "/hello"


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_plain_request_goes_through_the_proxy_that_any_of_the_variables_names(
    way: Way, server: SocketServer, no_proxies: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert way.send(get(server.url + "/hello")).body == b"hello"
    monkeypatch.setenv(name, server.url)
    assert way.send(get("http://model.test:9/hello")).body == b"hello"
    assert server.requests[-1]["path"] == "http://model.test:9/hello"


ADDRESSES = ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "１２７.0.0.1"]


@pytest.mark.parametrize(
    "host", [*ADDRESSES, "[::ffff:127.0.0.1]", "0.0.0.0", "localhost", "LocalHost", "localhost.", "a.localhost"]
)
def test_this_machine_is_never_asked_through_a_proxy(
    way: Way, server: SocketServer, no_proxies: None, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    proxy = SocketServer()
    try:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("no_proxy", "elsewhere.example")
        knows = way.libcurl or host in ADDRESSES or host.lower() == "localhost"  # the system, or this suite, may not
        with contextlib.nullcontext() if knows else contextlib.suppress(HttpError):
            assert way.send(get(f"http://{host}:{server.port}/hello")).body == b"hello"
        assert proxy.connections == 0
    finally:
        proxy.close()


@pytest.mark.parametrize("host", ["127.0.0.1.example", "localhost.example", "notlocalhost", "128.0.0.1", "[2001:db8::1]"])
def test_a_name_like_this_machines_is_another_machine(
    way: Way, server: SocketServer, no_proxies: None, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    assert way.send(get(f"http://{host}:9/hello")).body == b"hello"
    asked = server.requests[-1]["path"].translate({ord(bracket): None for bracket in "[]"})  # httpx forgets them
    assert asked == f"http://{host.strip('[]')}:9/hello"


def test_a_redirect_from_this_machine_and_back_changes_who_carries_it(
    way: Way, server: SocketServer, no_proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = SocketServer()
    try:
        monkeypatch.setenv("http_proxy", proxy.url)
        there = f"http://model.test/to/{server.url}/hello"  # the proxy answers for it, and sends its caller back here
        assert way.send(get(f"{server.url}/to/{there}")).body == b"hello"
        assert [asked["path"] for asked in proxy.requests] == [there]
        assert [asked["path"] for asked in server.requests] == [f"/to/{there}", "/hello"]
    finally:
        proxy.close()


@pytest.mark.parametrize(
    "proxy", ["garbage", "http://", "http://[", "ftp://127.0.0.1:1", "http://127.0.0.1:99999", "://", "socks9://x"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_of_no_use_is_an_http_error_that_names_its_variable(
    way: Way, no_proxies: None, monkeypatch: pytest.MonkeyPatch, scheme: str, proxy: str
) -> None:
    name = "http_proxy" if scheme == "http" else "HTTPS_PROXY"
    monkeypatch.setenv(name, proxy)
    with pytest.raises(HttpError) as caught:
        way.send(get(f"{scheme}://model.test/hello"), within(30))
    assert f"`{name}`" in (caught.value.hint or ""), caught.value.chain


def test_a_socks_proxy_that_is_down_is_an_http_error_that_names_its_variable(
    way: Way, no_proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", "socks5h://me:secret@127.0.0.1:9")
    with pytest.raises(HttpError) as caught:
        way.send(get("http://model.test/hello"), within(30))
    said = f"{caught.value.chain} {caught.value.hint}"
    assert "`all_proxy`" in said
    assert "secret" not in said


def test_a_proxy_that_is_down_is_an_http_error(
    way: Way, server: SocketServer, no_proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.close()
    monkeypatch.setenv("HTTPS_PROXY", server.url.replace("//", "//me:secret@"))
    with pytest.raises(HttpError) as caught:
        way.send(get("https://model.test/hello"))
    assert "secret" not in f"{caught.value.chain} {caught.value.hint}"


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there_are_an_http_error_that_names_their_variable(
    way: Way, tls_server: SocketServer, server: SocketServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, str(tmp_path / "missing"))
    with pytest.raises(HttpError) as caught:
        way.send(get(tls_server.url + "/hello"))
    assert f"`{name}`" in (caught.value.hint or "")
    assert way.send(get(server.url + "/hello")).body == b"hello", "without TLS nobody needs them"


def test_a_file_that_holds_no_certificates_is_an_http_error(
    way: Way, tls_server: SocketServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "text.pem").write_text("no certificate\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "text.pem"))
    with pytest.raises(HttpError) as caught:
        way.send(get(tls_server.url + "/hello"))
    assert "`SSL_CERT_FILE`" in (caught.value.hint or "")


def test_ssl_cert_dir_names_whom_to_trust(
    way: Way, tls_server: SocketServer, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = ["openssl", "x509", "-hash", "-noout", "-in", str(certificate[0])]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    (tmp_path / f"{name}.0").write_bytes(certificate[0].read_bytes())
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert way.send(get(tls_server.url + "/hello")).body == b"hello"


def test_a_variable_that_is_mended_is_read_again(
    way: Way, tls_server: SocketServer, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HttpError):
        way.send(get(tls_server.url + "/hello"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert way.send(get(tls_server.url + "/hello")).body == b"hello"
