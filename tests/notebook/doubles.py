"""A session double for the composer: scripted streams, feedback kept in a list. Also imported by test notebooks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

from tensorzero.types import ChatChunk, FinishReason, TextChunk, Usage
from tensorzero_notebook.views.composer import FunctionChoice
from tensorzero_notebook.views.listeners import Listeners
from tensorzero_notebook.views.metrics import Metric

HOSTILE = "\n".join(
    [
        "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>",
        "<svg onload=window.hacked=1><iframe srcdoc='<script>parent.hacked=1</script>'></iframe></div></pre></textarea>",
        "[click](javascript:window.hacked=1) [ok](https://example.com/a) <a href='javascript:window.hacked=1'>x</a>",
        "![x](javascript:window.hacked=1) [data](data:text/html,<script>window.hacked=1</script>)",
        "\x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x07 bell\x07 nul\x00",
        "bidi \u202eabc\u202c \u2066def\u2069 \u200fend",
        "lone \ud800 low \udc00 pair \U0001f44d separators \u2028line\u2029par \x85nel \ufeffbom",
        "$\\href{javascript:window.hacked=1}{x}$ costs $5 and $6",
        "```html\n<script>window.hacked = 1</script>\n```",
        "END",
    ]
)


class ScriptedStream:
    """Chunks of `pieces`, `pause` seconds apart; no end while the client is `held`. `stop()` notes that it was stopped."""

    def __init__(self, client: ScriptedClient, pieces: Sequence[str], pause: float = 0.0) -> None:
        self.stopped = False
        self._client = client
        self._pieces = pieces
        self._pause = pause
        self._shared = {"inference_id": uuid4(), "episode_id": uuid4(), "variant_name": "scripted"}

    async def stop(self) -> None:
        self.stopped = True

    async def aclose(self) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[ChatChunk]:
        due = time.monotonic()
        for piece in self._pieces:
            due += self._pause
            if self._pause:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            yield ChatChunk(content=[TextChunk(id="0", text=piece)], **self._shared)
        while self._client.held:
            await asyncio.sleep(0.01)
        usage = Usage(input_tokens=10, output_tokens=len(self._pieces))
        yield ChatChunk(content=[], usage=usage, finish_reason=FinishReason.STOP, **self._shared)


class ScriptedClient:
    def __init__(self, pieces: Sequence[str], pause: float = 0.0) -> None:
        self.pieces = pieces
        self.pause = pause
        self.requests: list[dict[str, Any]] = []
        self.streams: list[ScriptedStream] = []
        self.feedbacks: list[dict[str, Any]] = []
        self.refusal: Exception | None = None
        self.held = False

    async def open_stream(self, **request: Any) -> ScriptedStream:
        self.requests.append(request)
        self.streams.append(ScriptedStream(self, self.pieces, self.pause))
        return self.streams[-1]

    def feedback(self, **feedback: Any) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.feedbacks.append(feedback)


DRAFT = FunctionChoice(
    "draft",
    ("short", "long"),
    {
        "user": {
            "type": "object",
            "properties": {
                "topic": {"type": "string", "description": "What it is about"},
                "words": {"type": "integer"},
                "tone": {"enum": ["dry", "warm"]},
                "rhyme": {"type": "boolean"},
                "facts": {"type": "array"},
            },
            "required": ["topic"],
        }
    },
)


class ScriptedSession:
    """What the composer asks of a session."""

    def __init__(self, pieces: Sequence[str] = ("Hello", ", ", "world."), pause: float = 0.0) -> None:
        self.client = ScriptedClient(pieces, pause)
        self.remembered: list[Any] = []
        self.given_metrics: list[Metric] = [Metric("thumbs_up", "boolean"), Metric("rating", "float")]
        self.functions: list[FunctionChoice] = []
        self.news: list[str] = []
        self.changed = Listeners()

    def when_changed(self, listener: Any) -> None:
        self.changed.add(listener)

    def reload(self) -> str | None:
        return self.news.pop() if self.news else None

    def metrics(self) -> list[Metric]:
        return self.given_metrics

    def function_choices(self) -> list[FunctionChoice]:
        return self.functions

    def models(self) -> list[str]:
        return ["dummy::good", "openai::gpt-4o-mini"]

    def remember(self, response: Any) -> None:
        self.remembered.append(response)


def words(count: int) -> list[str]:
    """`count` tokens of five characters."""
    return [f"{number % 10000:04d} " for number in range(count)]
