"""Proxies and certificates come from the environment, whatever the library."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from socket_server import SocketServer
from ways import WAYS, Way, get

from tensorzero.faces.face import HttpError


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed one for 127.0.0.1, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-nodes"]
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


def test_https_proxy_carries_tls(
    way: Way,
    server: SocketServer,
    tls_server: SocketServer,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "elsewhere.example")
    assert way.send(get(tls_server.url + "/hello")).body == b"hello"
    assert [asked["method"] for asked in server.requests] == ["CONNECT"]


def test_no_proxy_goes_straight_there(
    way: Way,
    server: SocketServer,
    tls_server: SocketServer,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "elsewhere.example,127.0.0.1")
    assert way.send(get(tls_server.url + "/hello")).body == b"hello"
    assert server.requests == []


def test_a_proxy_that_is_down_is_an_http_error(
    way: Way, server: SocketServer, tls_server: SocketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.close()
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(HttpError):
        way.send(get(tls_server.url + "/hello"))


def test_a_plain_request_through_an_http_proxy(way: Way, server: SocketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("no_proxy", raising=False)
    assert way.send(get("http://127.0.0.1:9/hello")).body == b"hello"
    assert server.requests[0]["path"] == "http://127.0.0.1:9/hello"
