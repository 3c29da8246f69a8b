"""A model's endpoint on loopback that repeats the secret it was sent, in the way that the request's `model` names.

`model` (or the `function_name` or `metric_name` of a gateway's call) is `PLACE FORM`: where in the answer the secret stands,
and how it is written there.
"""

from __future__ import annotations

import base64
import html
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, quote_plus

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": lambda s: json.dumps({"error": {"message": f"bad key {s}"}}),
    "json_twice": lambda s: json.dumps({"error": json.dumps({"message": f"bad key {s}"})}),
    "unicode": lambda s: "".join(f"\\u{ord(c):04x}" for c in s),
    "percent": lambda s: quote(s, safe=""),
    "percent_lower": lambda s: "".join(f"%{ord(c):02x}" if not c.isalnum() else c for c in s),
    "percent_all": lambda s: "".join(f"%{byte:02X}" for byte in s.encode()),
    "percent_twice": lambda s: quote(quote(s, safe=""), safe=""),
    "plus": quote_plus,
    "html": html.escape,
    "entities": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64_inside": lambda s: base64.b64encode(f"the key {s} is wrong".encode()).decode(),
    "base64_url": lambda s: base64.urlsafe_b64encode(f"k:{s}".encode()).decode(),
    "repr": lambda s: repr({"key": s}),
    "repr_bytes": lambda s: repr(s.encode()),
    "cut_end": lambda s: s[:20] + "…",
    "cut_start": lambda s: "…" + s[8:],
    "cut_both": lambda s: "…" + s[8:-3] + "…",
}
PLACES = (
    "401",
    "400",
    "500",
    "429",
    "reason",
    "www-authenticate",
    "request-id",
    "200-error",
    "200-text",
    "200-html",
    "redirect",
)
CHUNK = {"choices": [{"index": 0, "delta": {"content": "Tokyo."}, "finish_reason": None}]}
ANSWER: dict[str, Any] = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Tokyo."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}


class EchoServer:
    """`url` ends in `/v1`, as an `api_base` does; `received` are the headers of every request, names in lower case."""

    def __init__(self) -> None:
        self.received: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # the library's name
                headers = {name.lower(): value for name, value in self.headers.items()}
                received.append(headers)
                body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
                named = (
                    body.get("model") or body.get("function_name") or body.get("metric_name") or self.path.rpartition("/")[2]
                )
                place, _, form = named.partition(" ")
                in_body = next(iter((body.get("credentials") or {}).values()), "")
                sent = in_body or headers.get("x-api-key") or headers.get("authorization", "")
                secret = sent.removeprefix("Bearer ").removeprefix("Basic ").encode("latin-1").decode("utf-8", "replace")
                if form == "headers":
                    self.reply(int(place), json.dumps(headers))
                    return
                self.answer(place, FORMS[form or "plain"](secret), bool(body.get("stream")))

            do_GET = do_POST  # noqa: N815 - the library's name

            def answer(self, place: str, told: str, streamed: bool) -> None:
                if place.isdigit():
                    self.reply(int(place), told)
                elif place == "reason":
                    self.reply(401, "no", reason=told)
                elif place in ("www-authenticate", "request-id"):
                    name = "x-request-id" if place == "request-id" else place
                    self.reply(401, "no", headers={name: told})
                elif place == "redirect":
                    self.reply(302, "", headers={"location": f"http://127.0.0.1:1/{told}"})
                elif place == "200-text":
                    self.reply(200, told)
                elif place == "200-html":
                    self.reply(200, f"<html><body>{told}</body></html>", kind="text/html")
                elif place == "200-error":
                    self.reply(200, json.dumps({"error": {"message": told}}))
                elif place == "200-good":
                    self.reply(200, json.dumps({**ANSWER, "echo": told}))
                elif place == "200-content":
                    message = {"role": "assistant", "content": told}
                    self.reply(200, json.dumps({**ANSWER, "choices": [{**ANSWER["choices"][0], "message": message}]}))
                elif place == "sse-content":
                    chunk = {"choices": [{"index": 0, "delta": {"content": told}, "finish_reason": None}]}
                    self.reply(200, f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n", kind="text/event-stream")
                elif place in ("sse-error", "sse-chunk", "sse-broken"):
                    self.events(place, told)

            def events(self, place: str, told: str) -> None:
                odd = {
                    "sse-error": json.dumps({"error": {"message": told}}),
                    "sse-chunk": json.dumps({**CHUNK, "echo": told}),
                    "sse-broken": "{" + told,
                }[place]
                events = [json.dumps(CHUNK), odd, "[DONE]"]
                self.reply(200, "".join(f"data: {event}\n\n" for event in events), kind="text/event-stream")

            def reply(
                self,
                status: int,
                body: str,
                *,
                kind: str = "application/json",
                reason: str | None = None,
                headers: dict[str, str] | None = None,
            ) -> None:
                data = body.encode()
                self.send_response(status, reason)
                for name, value in {"content-type": kind, "content-length": str(len(data)), **(headers or {})}.items():
                    self.send_header(name, value.encode().decode("latin-1"))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                return

        return Handler
