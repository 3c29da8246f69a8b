"""An OpenAI-compatible server on loopback, for tests and the benchmark.

    python tools/mock_provider.py [--port 0] [--log] [--busy]    prints `ready PORT` once it listens

`POST /v1/chat/completions`, plain and streamed. The model's name chooses the behaviour:

    echo              the last user message's text            json      {"answer":"Tokyo"}
    tool              a call of the request's first tool      tokens-N  N words, one event each
    error429          that HTTP status, any from 400          flaky-N   500 for the first N calls, then as usual
    slow, slow-MS     answers after 2,000 or MS milliseconds  hang      never answers
    stall             streams two words, then nothing         cut       breaks off half way
    drip-N-MS         N words, one each MS milliseconds       badjson   200 with a body that is not JSON
    together-N        answers N calls once all are there

`POST /v1/embeddings`: how often each letter stands in a text; `zeros` nothing but zeros; `error…` and `slow-…` as above.

Any other name answers with one fixed sentence. With `--log`, `GET /requests` lists what was asked (method, path, headers, body)
and `DELETE /requests` forgets it. Prebuilt bytes and one `write` a stream: more than 100,000 events a second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import orjson

SENTENCE = "Tokyo is the capital of Japan."
PROMPT_TOKENS = 11
MOST_KNOWN = 64
CREATED = 1700000000
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
REASONS = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}

Respond = Callable[["Connection", str, dict[str, Any]], None]


def http_answer(status: int, body: bytes) -> bytes:
    """One whole HTTP/1.1 answer."""
    reason = REASONS.get(status, "OK" if status < 400 else "Error")
    return (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    )


def completion(message: dict[str, Any], completion_tokens: int, finish_reason: str = "stop", model: str = "mock") -> bytes:
    """A plain chat completion as HTTP bytes."""
    return http_answer(
        200,
        orjson.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": CREATED,
                "model": model,
                "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}],
                "usage": usage(completion_tokens),
            }
        ),
    )


def usage(completion_tokens: int) -> dict[str, int]:
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": completion_tokens,
        "total_tokens": PROMPT_TOKENS + completion_tokens,
    }


def event(delta: dict[str, Any] | None, finish_reason: str | None = None, *, model: str = "mock", **rest: Any) -> bytes:
    """One server-sent event in one HTTP chunk; `delta=None` is an event without choices."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "choices": choices,
        **rest,
    }
    data = b"data: " + orjson.dumps(body) + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def text_events(words: list[str], model: str) -> list[bytes]:
    """The events of a streamed text: role, one a word, finish reason, usage."""
    return [
        event({"role": "assistant", "content": ""}, model=model),
        *(event({"content": word}, model=model) for word in words),
        event({}, "stop", model=model),
        event(None, model=model, usage=usage(len(words))),
    ]


def words_of(text: str) -> list[str]:
    """The text cut before each space, so that the pieces join to the text."""
    pieces = text.split(" ")
    return [pieces[0], *(" " + piece for piece in pieces[1:])]


@lru_cache(maxsize=64)
def fixed_words(count: int) -> tuple[str, ...]:
    return tuple(f" word{i}" for i in range(count))


@lru_cache(maxsize=64)
def fixed_plain(text: str, model: str) -> bytes:
    return completion({"content": text}, len(words_of(text)), model=model)


@lru_cache(maxsize=64)
def fixed_stream(words: tuple[str, ...], model: str) -> tuple[bytes, bytes]:
    """Headers and the first two events; then the rest: the first word leaves before the others are sent."""
    events = text_events(list(words), model)
    return STREAM_HEAD + b"".join(events[:2]), b"".join(events[2:]) + STREAM_END


class Server:
    """What all connections share: the log of requests, and counters of the flaky models."""

    def __init__(self, *, log: bool) -> None:
        self.log = log
        self.requests: list[dict[str, Any]] = []
        self.calls_by_model: dict[str, int] = {}
        self.gathered: dict[str, list[tuple[Connection, dict[str, Any]]]] = {}
        self.known: dict[bytes, tuple[bytes, ...]] = {}  # whole requests whose answer is always the same, and what is written

    def record(self, head: bytes, method: str, path: str, body: Any) -> None:
        headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:] if ": " in line)
        headers = {name.lower(): value for name, value in headers.items()}
        self.requests.append({"method": method, "path": path, "headers": headers, "body": body})


class Connection(asyncio.Protocol):
    """One keep-alive connection. Requests are answered in turn; none is read while a stream drips."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.buffer = b""
        self.request = b""
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        known = self.server.known.get(data)
        if known is not None and not self.buffer and not self.busy:
            for piece in known:
                self.transport.write(piece)
            return
        self.buffer += data
        self.read_requests()

    def read_requests(self) -> None:
        while not self.busy:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[:end]
            lowered = head.lower()
            at = lowered.find(b"\r\ncontent-length:")
            length = int(lowered[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                if b"\r\nexpect:" in lowered:
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            self.request = self.buffer[: end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            self.handle(head, self.request[end + 4 :])

    def handle(self, head: bytes, body: bytes) -> None:
        method, path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        if path == "/requests":
            self.transport.write(http_answer(200, orjson.dumps(self.server.requests)))
            if method == "DELETE":
                self.server.requests.clear()
            return
        asked = orjson.loads(body) if body else {}
        if self.server.log:
            self.server.record(head, method, path, asked)
        if method == "GET" and path.endswith("/models"):
            self.transport.write(
                http_answer(200, orjson.dumps({"object": "list", "data": [{"id": "mock", "object": "model"}]}))
            )
        elif method == "POST" and path.endswith("/embeddings"):
            embed(self, str(asked.get("model", "")), asked)
        elif method == "POST" and path.endswith("/chat/completions"):
            respond(self, str(asked.get("model", "")), asked)
        else:
            self.transport.write(http_answer(404, orjson.dumps({"error": {"message": f"no route {method} {path}"}})))

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run the action after a while, unless the client has gone; requests wait meanwhile."""
        self.busy = True

        def run() -> None:
            self.busy = False
            if not self.transport.is_closing():
                action()
                self.read_requests()

        self.loop.call_later(seconds, run)

    def drip(self, events: list[bytes], seconds: float) -> None:
        """Send the events one by one, then the end of the body."""
        if not events:
            self.transport.write(STREAM_END)
            return
        self.transport.write(events[0])
        self.later(seconds, lambda: self.drip(events[1:], seconds))


def respond(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    """Choose by the model's name: the whole name, else what stands before its first digit or dash."""
    kind = model.rstrip("0123456789-")
    numbers = [int(part) for part in model[len(kind) :].split("-") if part]
    BEHAVIOURS.get(kind, answer_fixed)(connection, model, {**asked, "numbers": numbers})


def embed(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    kind, _, number = model.partition("-")
    if kind.startswith("error"):
        answer_error(connection, model, {"numbers": [int(kind.removeprefix("error") or 500)]})
        return
    given = asked["input"]
    texts = [given] if isinstance(given, str) else given
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": [0.0 if kind == "zeros" else float(str(text).lower().count(letter)) for letter in letters],
        }
        for index, text in enumerate(texts)
    ]
    tokens = {"prompt_tokens": PROMPT_TOKENS, "total_tokens": PROMPT_TOKENS}
    answer = http_answer(200, orjson.dumps({"object": "list", "model": model, "data": data, "usage": tokens}))
    if kind == "slow":
        connection.later(int(number or 2000) / 1000, lambda: connection.transport.write(answer))
    else:
        connection.transport.write(answer)


def send_text(connection: Connection, text: str, asked: dict[str, Any], model: str) -> None:
    if asked.get("stream"):
        events = text_events(words_of(text), model)
        connection.transport.write(STREAM_HEAD + b"".join(events) + STREAM_END)
    else:
        connection.transport.write(completion({"content": text}, len(words_of(text)), model=model))


def send_fixed(connection: Connection, words: tuple[str, ...], asked: dict[str, Any], model: str) -> None:
    pieces = fixed_stream(words, model) if asked.get("stream") else (fixed_plain("".join(words), model),)
    for piece in pieces:
        connection.transport.write(piece)
    server = connection.server
    if not server.log and model.startswith("tokens"):
        if len(server.known) >= MOST_KNOWN:
            server.known.clear()
        server.known[connection.request] = pieces


def answer_fixed(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    send_fixed(connection, tuple(words_of(SENTENCE)), asked, model)


def answer_tokens(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    send_fixed(connection, fixed_words((asked["numbers"] or [100])[0]), asked, model)


def answer_echo(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    said = [message["content"] for message in asked.get("messages", []) if message.get("role") == "user"]
    content = said[-1] if said else ""
    text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    send_text(connection, text, asked, model)


def answer_json(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    send_text(connection, '{"answer":"Tokyo"}', asked, model)


def answer_tool(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    tools = asked.get("tools") or [{"function": {"name": "get_temperature"}}]
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": tools[0]["function"]["name"], "arguments": '{"location":"Tokyo"}'},
    }
    if not asked.get("stream"):
        connection.transport.write(completion({"content": None, "tool_calls": [call]}, 5, "tool_calls", model))
        return
    first = {**call, "index": 0, "function": {**call["function"], "arguments": ""}}
    pieces = ['{"location"', ':"Tokyo"}']
    events = [
        event({"role": "assistant", "content": None, "tool_calls": [first]}, model=model),
        *(event({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}, model=model) for piece in pieces),
        event({}, "tool_calls", model=model),
        event(None, model=model, usage=usage(5)),
    ]
    connection.transport.write(STREAM_HEAD + b"".join(events) + STREAM_END)


def answer_error(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    status = (asked["numbers"] or [500])[0]
    error = {"error": {"message": f"mock error {status}", "type": "mock_error", "code": status}}
    connection.transport.write(http_answer(status, orjson.dumps(error)))


def answer_flaky(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    calls = connection.server.calls_by_model
    calls[model] = calls.get(model, 0) + 1
    if calls[model] <= (asked["numbers"] or [1])[0]:
        answer_error(connection, model, {**asked, "numbers": [500]})
    else:
        answer_fixed(connection, model, asked)


def answer_slow(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    connection.later((asked["numbers"] or [2000])[0] / 1000, lambda: answer_fixed(connection, model, asked))


def answer_together(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    connection.busy = True
    gathered = connection.server.gathered.setdefault(model, [])
    gathered.append((connection, asked))
    if len(gathered) >= (asked["numbers"] or [2])[0]:
        for waiting, question in connection.server.gathered.pop(model):
            waiting.later(0, partial(answer_fixed, waiting, model, question))


def answer_hang(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    connection.busy = True


def answer_stall(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    connection.busy = True
    connection.transport.write(STREAM_HEAD + b"".join(text_events(words_of(SENTENCE), model)[:3]))


def answer_cut(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    if asked.get("stream"):
        events = text_events(words_of(SENTENCE), model)
        connection.transport.write(STREAM_HEAD + b"".join(events[: len(events) // 2]))
    else:
        whole = fixed_plain(SENTENCE, model)
        connection.transport.write(whole[: len(whole) - 100])
    connection.transport.close()


def answer_drip(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    given = asked["numbers"]
    count, delay_ms = [*given, *(100, 10)[len(given) :]][:2]
    if not asked.get("stream"):
        connection.later(count * delay_ms / 1000, lambda: answer_tokens(connection, model, asked))
        return
    connection.transport.write(STREAM_HEAD)
    connection.drip(text_events(list(fixed_words(count)), model), delay_ms / 1000)


def answer_badjson(connection: Connection, model: str, asked: dict[str, Any]) -> None:
    if asked.get("stream"):
        connection.transport.write(STREAM_HEAD + b"14\r\ndata: {not json at\n\n\r\n" + STREAM_END)
    else:
        connection.transport.write(http_answer(200, b'{"choices": not json'))


BEHAVIOURS: dict[str, Respond] = {
    "echo": answer_echo,
    "json": answer_json,
    "tool": answer_tool,
    "tokens": answer_tokens,
    "error": answer_error,
    "flaky": answer_flaky,
    "slow": answer_slow,
    "hang": answer_hang,
    "together": answer_together,
    "stall": answer_stall,
    "cut": answer_cut,
    "drip": answer_drip,
    "badjson": answer_badjson,
}


def stay_awake(loop: asyncio.AbstractEventLoop) -> None:
    """Look at the sockets without a pause: a client waits for this process, and not for its core to wake."""
    loop.call_soon(stay_awake, loop)


async def serve(port: int, *, log: bool, busy: bool) -> None:
    """Serve until cancelled; prints `ready PORT` on standard output."""
    shared = Server(log=log)
    if busy:
        stay_awake(asyncio.get_running_loop())
    server = await asyncio.get_running_loop().create_server(lambda: Connection(shared), "127.0.0.1", port)
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="OpenAI-compatible mock on loopback")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--log", action="store_true", help="keep requests for GET /requests")
    parser.add_argument("--busy", action="store_true", help="never sleep; wants a core of its own")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(arguments.port, log=arguments.log, busy=arguments.busy))


if __name__ == "__main__":
    main()
