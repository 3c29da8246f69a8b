"""Record what the original package makes of inputs: errors of shape, failed validation, rendered messages.

    ORIGINAL_PYTHON tools/record_inputs.py IN.json OUT.json

Runs under an interpreter that has the original `tensorzero` installed. IN.json is `{"files", "functions", "cases"}`:
files by name; each function as `{"schemas": {name: file}, "templates": {name: [file, legacy]}}`; cases as
`{"function", "input"}`. OUT.json repeats them, each case with `messages` (as sent to an OpenAI-compatible upstream),
`shape` (the client's own error) or `status` and `error`; and with `wire`, the input as the HTTP client sends it to a gateway,
where that is another than the one given. OUT may be IN.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from record_templates import Upstream, config

from tensorzero import TensorZeroGateway


def main(in_path: str, out_path: str) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    data = json.loads(Path(in_path).read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        for name, text in data["files"].items():
            Path(folder, name).write_text(text, "utf-8")
        toml = Path(folder, "tensorzero.toml")
        head = config("none", server.server_port, access=False).partition("[functions.f]")[0]
        tables = "".join(function_toml(name, function) for name, function in data["functions"].items())
        toml.write_text(f'{head}[object_storage]\ntype = "disabled"\n{tables}', "utf-8")
        url = f"http://127.0.0.1:{server.server_port}"
        with (
            TensorZeroGateway.build_embedded(config_file=str(toml)) as gateway,
            TensorZeroGateway.build_http(gateway_url=url) as remote,
        ):
            cases = [{**pick(case), **call(gateway, case), **sent(remote, case)} for case in data["cases"]]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    head = json.dumps({key: data[key] for key in ("files", "functions")}, ensure_ascii=False, indent=1)
    Path(out_path).write_text(f'{head[:-2]},\n"cases": [\n{lines}\n]}}\n', "utf-8")


def pick(case: dict[str, Any]) -> dict[str, Any]:
    return {"function": case["function"], "input": case["input"]}


def function_toml(name: str, function: dict[str, Any]) -> str:
    templates = function["templates"]
    lines = [f"[functions.{name}]", 'type = "chat"']
    for key, path in function["schemas"].items():
        legacy = templates.get(key, ["", False])[1]
        lines.append(f'{key}_schema = "{path}"' if legacy else f'schemas.{key}.path = "{path}"')
    lines += [f"[functions.{name}.variants.v]", 'type = "chat_completion"', 'model = "m"']
    for key, (path, legacy) in templates.items():
        lines.append(f'{key}_template = "{path}"' if legacy else f'templates.{key}.path = "{path}"')
    return "\n".join(lines) + "\n"


def call(gateway: TensorZeroGateway, case: dict[str, Any]) -> dict[str, Any]:
    try:
        gateway.inference(function_name=case["function"], variant_name="v", input=case["input"])
    except Exception as error:
        text = getattr(error, "text", None)
        if text:
            return {"status": error.status_code, "error": json.loads(text)["error"]}
        return {"shape": str(error)}
    return {"messages": Upstream.last["messages"]}


def sent(remote: TensorZeroGateway, case: dict[str, Any]) -> dict[str, Any]:
    Upstream.last = {}
    with contextlib.suppress(Exception):  # the upstream's answer is none of a gateway's
        remote.inference(function_name=case["function"], input=case["input"])
    wire = Upstream.last.get("input")
    return {} if wire is None or json.dumps(wire) == json.dumps(case["input"]) else {"wire": wire}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
