"""Every snippet of docs/client.md runs as it stands, but for the address of the gateway."""

from __future__ import annotations

import asyncio
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tensorzero

from .loopback import FEEDBACK_ID, Loopback

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "client.md"
SNIPPETS = re.findall(
    r"## ([^\n]+)\n\n<!-- not run: [^\n]+ -->\n```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL
)
CONFIG = '[models.m]\nrouting = ["p"]\n\n[models.m.providers.p]\ntype = "dummy"\nmodel_name = "good"\n'


def runnable(snippet: str, address: str, config_file: Path, database: str) -> str:
    """The snippet with addresses and paths of the test, a body where it has none, and a main function for a bare `async`."""
    text = snippet.replace("http://localhost:3000", address).replace("/path/to/tensorzero.toml", str(config_file))
    text = text.replace("http://chuser:chpassword@localhost:8123/tensorzero", database)
    text = re.sub(r"^( *)# \.\.\.$", r"\1pass", text, flags=re.MULTILINE)
    if re.search(r"^async with", text, flags=re.MULTILINE):
        text = "async def main():\n" + textwrap.indent(text, "    ") + "\n\nasyncio.run(main())\n"
    return text


def test_the_document_has_every_snippet() -> None:
    assert [name for name, _ in SNIPPETS] == [
        f"{what}, {how}{where}"
        for what, how, where in (
            ("Sync", "HTTP", " gateway"),
            ("Async", "HTTP", " gateway"),
            ("Sync", "embedded", " gateway"),
            ("Async", "embedded", " gateway"),
            ("Inference", "sync", ""),
            ("Inference", "async", ""),
            ("Streaming", "sync", ""),
            ("Streaming", "async", ""),
            ("Feedback", "sync", ""),
            ("Feedback", "async", ""),
        )
    ]


@pytest.mark.parametrize(("name", "snippet"), SNIPPETS, ids=[name for name, _ in SNIPPETS])
def test_snippet(name: str, snippet: str, server: Loopback, tmp_path: Path, printed: Callable[[], str]) -> None:
    config_file = tmp_path / "tensorzero.toml"
    config_file.write_text(CONFIG)
    names: dict[str, Any] = {"__name__": "__main__", "asyncio": asyncio} | {
        key: getattr(tensorzero, key) for key in ("TensorZeroGateway", "AsyncTensorZeroGateway")
    }
    database = f"chdb://{tmp_path / 'db'}" if "embedded" in name else ""
    exec(compile(runnable(snippet, server.url, config_file, database), name, "exec"), names)
    shown = printed()
    if name.startswith("Inference"):
        assert "content=[Text(text='Tokyo.', arguments=None, type='text')]" in shown
        assert server.requests[0]["body"]["input"]["messages"][0]["content"][0]["text"] == "日本的首都是哪里？"
    elif name.startswith("Streaming"):
        assert shown.count("ChatChunk(") == 3
    elif name.startswith("Feedback"):
        assert shown == f"FeedbackResponse(feedback_id=UUID('{FEEDBACK_ID}'))\n"
        assert server.requests[0]["body"]["value"] is True
