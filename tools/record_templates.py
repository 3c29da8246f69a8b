"""Record how the original package renders templates.

    ORIGINAL_PYTHON tools/record_templates.py IN.json OUT.json

Runs under an interpreter that has the original `tensorzero` installed. IN.json is
`{"contexts": {name: variables}, "cases": [{"source", "context"?, "name"?, "files"?, "access"?}]}`: a template, its
variables (an object, or the name of one of `contexts`), its file name (the extension chooses the escaping), files that
it may include, and whether file system access is on (default true). OUT.json has the same shape, each case with what
the original did: `rendered`, `error` (a call's message) or `load_error` (the configuration's message). OUT may be IN.
The rendered text is what reaches a loopback OpenAI-compatible server as the user's message.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

os.environ.update(RUST_LOG="off", TENSORZERO_DISABLE_PSEUDONYMOUS_USAGE_ANALYTICS="1")
warnings.simplefilter("ignore")

from tensorzero import TensorZeroGateway  # noqa: E402

REPLY = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


class Upstream(BaseHTTPRequestHandler):
    """Answers every request with one sentence and keeps the last body."""

    protocol_version = "HTTP/1.1"
    last: ClassVar[dict[str, Any]] = {}

    def log_message(self, *args: object) -> None: ...

    def do_POST(self) -> None:
        Upstream.last = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(REPLY).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(cases_path: str, out_path: str) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    data = json.loads(Path(cases_path).read_text("utf-8"))
    contexts = data["contexts"]
    cases = [record(case, contexts, number, server.server_port) for number, case in enumerate(data["cases"])]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    head = json.dumps(contexts, ensure_ascii=False)
    Path(out_path).write_text(f'{{"contexts": {head},\n"cases": [\n{lines}\n]}}\n', "utf-8")


def record(case: dict[str, Any], contexts: dict[str, Any], number: int, port: int) -> dict[str, Any]:
    name = case.get("name") or f"t{number}.j"
    case = {"name": name, **{key: value for key, value in case.items() if key not in ("rendered", "error", "load_error")}}
    with tempfile.TemporaryDirectory() as folder:
        for path, text in {**case.get("files", {}), name: case["source"]}.items():
            Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, path).write_text(text, "utf-8")
        toml = Path(folder, "tensorzero.toml")
        toml.write_text(config(name, port, access=case.get("access", True)), "utf-8")
        try:
            gateway = TensorZeroGateway.build_embedded(config_file=str(toml))
        except Exception as error:
            text = str(error).partition("source: TensorZeroInternalError(Error(")[2].partition(")) }, glob")[0]
            return {**case, "load_error": text or str(error).replace(folder, "<dir>")}
        with gateway:
            context = case.get("context", {})
            return {**case, **call(gateway, contexts[context] if isinstance(context, str) else context, folder)}


def call(gateway: TensorZeroGateway, context: dict[str, Any], folder: str) -> dict[str, str]:
    message = {"role": "user", "content": [{"type": "template", "name": "user", "arguments": context}]}
    try:
        gateway.inference(function_name="f", variant_name="v", input={"messages": [message]})
    except Exception as error:
        text = getattr(error, "text", None)
        return {"error": (json.loads(text)["error"] if text else str(error)).replace(folder, "<dir>")}
    return {"rendered": Upstream.last["messages"][0]["content"]}


def config(name: str, port: int, *, access: bool) -> str:
    templates = 'template_filesystem_access.base_path = "."' if access else ""
    return f"""
[gateway]
observability.enabled = false
{templates}
[models.m]
routing = ["p"]
[models.m.providers.p]
type = "openai"
model_name = "m"
api_base = "http://127.0.0.1:{port}/v1"
api_key_location = "none"
[functions.f]
type = "chat"
[functions.f.variants.v]
type = "chat_completion"
model = "m"
templates.user.path = {json.dumps(name)}
"""


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
