"""A model on loopback whose answers are written in the request: `extra_body=answer_with(…)`."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOML = """
[models.m]
routing = ["p"]
providers.p = {{ type = "openai", model_name = "m", api_base = "{url}", api_key_location = "none" }}
"""


def answer_with(
    body: str, kind: str = "application/json", status: int = 200, request_id: str | None = None
) -> list[dict[str, Any]]:
    return [{"pointer": "/script", "value": {"status": status, "kind": kind, "body": body, "request_id": request_id}}]


def stream_of(*events: str) -> list[dict[str, Any]]:
    return answer_with("".join(f"data: {event}\n\n" for event in events), "text/event-stream")


class ScriptedUpstream:
    """`requests`, `paths` and `headers` of all requests, in order; `url`: where it is, `toml`: a model that is asked there."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self.toml = TOML.format(url=self.url)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        requests, paths, headers = self.requests, self.paths, self.headers

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # the library's name
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                requests.append(asked)
                paths.append(self.path)
                headers.append({name.lower(): value for name, value in self.headers.items()})
                script = asked["script"]
                body = script["body"].encode()
                self.send_response(script["status"])
                self.send_header("content-type", script["kind"])
                self.send_header("content-length", str(len(body)))
                if script["request_id"] is not None:
                    self.send_header("x-request-id", script["request_id"])
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                return

        return Handler
