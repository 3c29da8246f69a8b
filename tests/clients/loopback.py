"""A stand-in for a gateway on loopback: real HTTP, canned answers, every request remembered.

`function_name` in the body picks the answer; see `_ANSWERS`. Also runs as a program: `python loopback.py PORT`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

INFERENCE_ID = "01980000-0000-7000-8000-000000000001"
EPISODE_ID = "01980000-0000-7000-8000-000000000002"
FEEDBACK_ID = "01980000-0000-7000-8000-000000000003"
IDS = {"inference_id": INFERENCE_ID, "episode_id": EPISODE_ID, "variant_name": "v"}
USAGE = {"input_tokens": 10, "output_tokens": 5}
CHAT = {**IDS, "content": [{"type": "text", "text": "Tokyo."}], "usage": USAGE, "finish_reason": "stop"}
JSON = {**IDS, "output": {"raw": '{"a":1}', "parsed": {"a": 1}}, "usage": USAGE, "finish_reason": "stop"}
LAST = {**IDS, "content": [], "usage": USAGE, "finish_reason": "stop"}


def text_chunk(text: str) -> dict[str, Any]:
    return {**IDS, "content": [{"type": "text", "id": "0", "text": text}]}


CHUNKS = [text_chunk("To"), text_chunk("kyo \u2028é😀"), LAST]


class Loopback(ThreadingHTTPServer):
    """`url` to call it, `requests` for what came, `released` to end a `slow` answer, `answered_slowly` counts those."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.released = threading.Event()
        self.answered_slowly = 0
        self.broken_pipes = 0
        self.raw = b""
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.broken_pipes += 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Loopback

    def log_message(self, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        body = json.loads(raw) if raw else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append({"method": self.command, "path": self.path, "headers": headers, "body": body, "raw": raw})
        case = (body or {}).get("function_name") or (body or {}).get("metric_name") or ""
        special = getattr(self, f"answer_{case}", None)
        if special is not None:
            special(body)
        elif self.path.endswith("/inference"):
            if body.get("stream"):
                self.events(*(json.dumps(chunk) for chunk in CHUNKS), "[DONE]")
            else:
                self.reply(200, CHAT)
        elif self.path.endswith("/feedback"):
            self.reply(200, {"feedback_id": FEEDBACK_ID})
        elif self.path.endswith("/workflow_evaluation_run"):
            self.reply(200, {"run_id": INFERENCE_ID})
        elif self.path.endswith("/episode"):
            self.reply(200, {"episode_id": EPISODE_ID})
        elif "datapoints" in self.path and self.command == "POST" and "get_" not in self.path and "list_" not in self.path:
            self.reply(200, {"ids": [INFERENCE_ID]})
        elif "get_datapoints" in self.path or "list_datapoints" in self.path:
            self.reply(200, {"datapoints": []})
        elif self.command == "PATCH" or self.path.endswith("from_inferences"):
            self.reply(200, {"ids": [INFERENCE_ID]})
        elif self.command == "DELETE":
            self.reply(200, {"num_deleted_datapoints": 1})
        elif "/v1/inferences/" in self.path:
            self.reply(200, {"inferences": []})
        else:
            self.reply(404, {"error": f"Route not found: {self.command} {self.path}"})

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815  # the names that http.server calls

    def reply(self, status: int, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def start_events(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def piece(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def events(self, *events: str) -> None:
        self.start_events()
        for event in events:
            self.piece(f"data: {event}\n\n".encode())
        self.piece(b"")

    def answer_json(self, body: Any) -> None:
        self.reply(200, JSON)

    def answer_refused(self, body: Any) -> None:
        self.reply(404, {"error": "Unknown function: refused"})

    def answer_oops(self, body: Any) -> None:
        self.reply(500, b"oops")

    def answer_not_json(self, body: Any) -> None:
        self.reply(200, b"hello")

    def answer_empty(self, body: Any) -> None:
        self.reply(200, {})

    def answer_slow(self, body: Any) -> None:
        if body.get("stream"):
            self.start_events()
            self.piece(b"data: " + json.dumps(text_chunk("a")).encode() + b"\n\n")
        self.server.released.wait(60)
        self.server.answered_slowly += 1
        if body.get("stream"):
            self.piece(b"data: [DONE]\n\n")
            self.piece(b"")
        else:
            self.reply(200, CHAT)

    def answer_endless(self, body: Any) -> None:
        self.start_events()
        for at in range(10_000):
            self.piece(b"data: " + json.dumps(text_chunk(str(at))).encode() + b"\n\n")
            time.sleep(0.005)

    def answer_event_error(self, body: Any) -> None:
        self.events(json.dumps(text_chunk("a")), '{"error":"boom"}', json.dumps(text_chunk("b")), json.dumps(LAST), "[DONE]")

    def answer_first_error(self, body: Any) -> None:
        self.events('{"error":"boom"}', json.dumps(LAST), "[DONE]")

    def answer_bad_event(self, body: Any) -> None:
        self.events(json.dumps(text_chunk("a")), "{", json.dumps(LAST), "[DONE]")

    def answer_cut(self, body: Any) -> None:
        self.start_events()
        self.piece(b"data: " + json.dumps(text_chunk("a")).encode() + b"\n\n")
        self.connection.close()
        self.close_connection = True

    def answer_no_done(self, body: Any) -> None:
        self.events(json.dumps(text_chunk("a")))

    def answer_not_stream(self, body: Any) -> None:
        self.reply(200, CHAT)

    def answer_raw(self, body: Any) -> None:
        """What the test put into the server's `raw`, byte for byte."""
        self.wfile.write(self.server.raw)
        self.close_connection = True

    def answer_crlf(self, body: Any) -> None:
        self.start_events()
        data = (
            b"".join(b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\r\n\r\n" for chunk in CHUNKS)
            + b"data: [DONE]\r\n\r\n"
        )
        for at in range(0, len(data), 7):
            self.piece(data[at : at + 7])
        self.piece(b"")


if __name__ == "__main__":
    server = Loopback(int(sys.argv[1]))
    print(server.url, flush=True)
    server.serve_forever()
