"""A notebook that was run against a server which repeats its key, saved: the key is nowhere in the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import run_cells
from echo_server import EchoServer
from everything_shown import leaked

pytestmark = pytest.mark.slow

KEY = "sk-proj-Aq7LkW0zPx&4mVt<2RbYc9JdHs"
PASSWORD = "pr0xy-pass-w0rd"

TOML = """
[functions.f]
type = "chat"
[functions.f.variants.v]
type = "chat_completion"
model = "m"
[models.m]
routing = ["p"]
[models.m.providers.p]
type = "openai"
model_name = "{model}"
api_base = "http://me-myself:{password}@127.0.0.1:{port}/v1"
api_key_location = "env::MY_OPENAI"
"""
CALL = 'client.inference(function_name="f", input={"messages": [{"role": "user", "content": "hi"}]}, stream=STREAM)'
START = """
import logging
logging.basicConfig(level=logging.DEBUG, force=True)
from tensorzero import TensorZeroGateway
client = TensorZeroGateway.build_embedded(config_file="tensorzero.toml")
"""
CAUGHT = f"""
import traceback, sys
try:
    {CALL.replace("STREAM", "False")}
except Exception as error:
    print(error, repr(error), error.args, error.hint, vars(error))
    traceback.print_exc()
    kept = error
kept
"""
WITHOUT_EXTENSION = [START, CALL.replace("STREAM", "False"), f"for chunk in {CALL.replace('STREAM', 'True')}: pass", CAUGHT]
WITH_EXTENSION = [
    "%load_ext tensorzero_notebook",
    *WITHOUT_EXTENSION,
    "%%tensorzero --function f\nhello",
    "%tensorzero status",
    "from tensorzero_notebook import inferences\ninferences()",
]


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    server = EchoServer()
    yield server
    server.close()


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (WITH_EXTENSION, "json"),
        (WITHOUT_EXTENSION, "json"),
        (["%xmode Verbose", *WITHOUT_EXTENSION], "html"),
    ],
    ids=["extension", "plain", "verbose"],
)
def test_a_saved_notebook_holds_no_key(
    tmp_path: Path, echo: EchoServer, monkeypatch: pytest.MonkeyPatch, cells: list[str], form: str
) -> None:
    import nbformat

    monkeypatch.setenv("MY_OPENAI", KEY)
    monkeypatch.delenv("NO_PROXY", raising=False)
    text = TOML.format(model=f"401 {form}", password=PASSWORD, port=echo.port)
    (tmp_path / "tensorzero.toml").write_text(text, encoding="utf-8")
    v4 = nbformat.v4
    written = [v4.new_code_cell(cell, metadata={"tags": ["raises-exception"]}) for cell in cells]
    saved: Any = run_cells.execute(v4.new_notebook(cells=written), tmp_path)
    nbformat.write(saved, str(tmp_path / "saved.ipynb"))
    shown = (tmp_path / "saved.ipynb").read_text(encoding="utf-8")
    assert shown.count("[key hidden]") >= 4
    assert sum(output["output_type"] == "error" for cell in saved.cells for output in cell.outputs) >= 2
    assert leaked(KEY, shown) == leaked(PASSWORD, shown) == []
    assert leaked(KEY, json.dumps(json.loads(shown), ensure_ascii=False)) == []
