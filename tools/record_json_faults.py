"""Record the original package's words for texts that are no JSON.

    ORIGINAL_PYTHON tools/record_json_faults.py OUT.json

Runs under an interpreter that has the original `tensorzero` installed, with each text as a schema's file. The texts are made
here, from a fixed seed: JSON that is cut, pieces put in or taken out. OUT.json is a list of `[text, fault]`, null for JSON.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
from pathlib import Path

from tensorzero import TensorZeroGateway

TOML = """
[gateway.observability]
enabled = false

[functions.f]
type = "chat"
system_schema = "s.json"

[functions.f.variants.v]
type = "chat_completion"
model = "dummy::good"
"""
WORDS = re.compile(r'JsonSchema \{ message: "Failed to parse JSON Schema `s.json`: (.*)" \}\)\) \}, glob', re.DOTALL)
PIECES = [
    *"{}[],:\\\n \t10-.eE+x",
    *['"', '"a"', '"b":', '"a":1', '"\\u12', "\\u", "\\ud8", "\\ud83", "\\ud83d", "\\ud83d\\ude00", "\\ude00", "\\u00e9"],
    *['"\\ud83d"', '"\\ud83d\\u12"', '"\\ud83d\\ud83d"', '"\\ude00"', "\\uZZZZ", "\\u+123", "\\u 123", "\\u_123", "\\u1_23"],
    *["\\ud83\n", "\\ud83\t", "\\u\n123", "\\n", "\\x", "12.5", "1e5", "1e999", "0e999", "-0", "01", "1.", ".5", "true", "tru"],
    *["false", "null", "nul", "NaN", "Infinity", "-Infinity", "é", "\r\n", "\ufeff", "\x00", "\x01", "\x7f", "\u2028"],
]
SOUND = [
    '{"a": [1, 2.5, {"b": null, "c": "x\\n\\u00e9\\ud83d\\ude00"}], "d": {"e": true}}',
    '[[1],["a",{"k":"v"}],{}]',
    '{"x":{"y":{"z":[]}}}',
    '"text"',
    '[{"a":1},\n {"b":"c\\"d"}\n]',
]


def texts() -> list[str]:
    choose = random.Random(7)
    pieces = ["".join(choose.choices(PIECES, k=choose.randint(0, 7))) for _ in range(300)]
    changed = [change(choose, choose.choice(SOUND)) for _ in range(500)]
    strings = [f'"{piece}{end}' for piece in PIECES if "\\" in piece for end in ("", '"', '\n"', " ")]
    deep = ["[" * 127 + "]" * 127, "[" * 128, '{"a":' * 128 + "1" + "}" * 128, "[[]," * 127 + "[[1]]", '["["' + ",[" * 126]
    return list(dict.fromkeys([*pieces, *changed, *strings, *deep]))


def change(choose: random.Random, text: str) -> str:
    for _ in range(choose.randint(1, 3)):
        at = choose.randint(0, len(text))
        cut, put = text[:at], text[:at] + choose.choice(PIECES) + text[at:]
        text = choose.choice([cut, put, text[:at] + text[at + choose.randint(1, 3) :]])
    return text


def fault(folder: Path, text: str) -> str | None:
    (folder / "s.json").write_bytes(text.encode())
    try:
        TensorZeroGateway.build_embedded(config_file=str(folder / "tensorzero.toml")).close()
    except Exception as error:
        words = WORDS.search(str(error))
        return words[1].replace('\\"', '"').replace("\\\\", "\\") if words else None
    return None


def main(out: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tensorzero.toml").write_text(TOML, "utf-8")
        lines = [json.dumps([text, fault(folder, text)]) for text in texts()]
    Path(out).write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
