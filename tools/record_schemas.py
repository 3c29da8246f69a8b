"""Record the original package's texts for JSON schemas.

    ORIGINAL_PYTHON tools/record_schemas.py IN.json OUT.json

Runs under an interpreter that has the original `tensorzero` installed. IN.json is a list of `{"schema", "value"}` or
`{"text"}` (the raw text of a schema file). A schema is used as a function's `user` schema and its value as the user
message's arguments. OUT.json repeats each case with `error` (the 400 of the call, null if the value is valid) or
`load_error` (the configuration's message). OUT may be IN.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from record_templates import Upstream, config

from tensorzero import TensorZeroGateway

SCHEMA = 'schemas.user.path = "s.json"'


def main(cases_path: str, out_path: str) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cases = [record(case, server.server_port) for case in json.loads(Path(cases_path).read_text("utf-8"))]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    Path(out_path).write_text(f"[\n{lines}\n]\n", "utf-8")


def record(case: dict[str, Any], port: int) -> dict[str, Any]:
    case = {key: case[key] for key in ("schema", "value", "text") if key in case}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "u.j").write_text("ok", "utf-8")
        Path(folder, "s.json").write_text(case["text"] if "text" in case else json.dumps(case["schema"]), "utf-8")
        toml = Path(folder, "tensorzero.toml")
        toml.write_text(config("u.j", port, access=True).replace('type = "chat"', f'type = "chat"\n{SCHEMA}'), "utf-8")
        try:
            gateway = TensorZeroGateway.build_embedded(config_file=str(toml))
        except Exception as error:
            return {**case, "load_error": str(error).replace(folder, "<dir>")}
        with gateway:
            return {**case, "error": call(gateway, case.get("value"))}


def call(gateway: TensorZeroGateway, value: Any) -> str | None:
    message = {"role": "user", "content": [{"type": "template", "name": "user", "arguments": value}]}
    try:
        gateway.inference(function_name="f", variant_name="v", input={"messages": [message]})
    except Exception as error:
        text = getattr(error, "text", None)
        return json.loads(text)["error"] if text else str(error)
    return None


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
