"""What is no JSON is told in the original's words (recorded by tools/record_json_faults.py), at the cost of reading it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from python_steps import steps_of

from tensorzero.gateway.providers.openai_shapes import ANSWER
from tensorzero.parsing import json_fault as module
from tensorzero.parsing.json_fault import json_fault
from tensorzero.parsing.shape_fault import shape_fault

CASES: list[tuple[str, str | None]] = json.loads((Path(__file__).parent / "data" / "json_faults.json").read_text("utf-8"))
MANY = 200_000


def test_every_fault_is_told_in_the_originals_words() -> None:
    assert len(CASES) > 700
    assert [(text, json_fault(text)) for text, fault in CASES if json_fault(text) != fault] == []


def test_bytes_are_told_of_as_text_is_and_columns_count_bytes() -> None:
    assert [text for text, fault in CASES if json_fault(text.encode()) != fault] == []
    assert json_fault('{"é": 1,}') == json_fault('{"é": 1,}'.encode()) == "trailing comma at line 1 column 10"
    assert json_fault(b'{"\xff\xfe": 1') == "EOF while parsing an object at line 1 column 8"
    assert json_fault('["\ud83d", x]') == "expected value at line 1 column 9"


@pytest.mark.parametrize("end", ["\n", "\t", " ", "_", "+", "-", "g", "\u0663", '"'])
def test_an_escape_of_three_digits_and_anything_is_no_json(end: str) -> None:
    assert json_fault(f'"\\ud83{end}"') is not None
    assert json_fault(f'{{"a": "\\u00e{end}"}}') is not None


@pytest.mark.parametrize(
    ("start", "repeated", "fault"),
    [
        ('"', "a", "EOF while parsing a string"),
        ('"', "\\n", "EOF while parsing a string"),
        ("[", "[],", "EOF while parsing a value"),
        ("{", '"a":{},', "EOF while parsing a value"),
        ('[1,"a"', " ", "EOF while parsing a list"),
        ('{"a":"b"', "\n", "EOF while parsing an object"),
        ("[", "1", "number out of range"),
        ("[", "[", "recursion limit exceeded"),
        ("<html>", "a", "expected value"),
        ('{"a":"', "\\ud83d\\ude00", "EOF while parsing a string"),
    ],
)
def test_a_fault_in_a_large_text_takes_no_more_steps_than_in_a_small_one(start: str, repeated: str, fault: str) -> None:
    few, many = start + repeated * 400, start + repeated * MANY
    found = json_fault(many)
    assert found is not None
    assert found.startswith(fault)
    # A block of 64 KiB takes a step of its own, a run of a thousand escapes too.
    assert steps_of(lambda: json_fault(many)) < 10 * steps_of(lambda: json_fault(few)) + len(many) // 300


def test_depth_is_measured_in_large_texts_too() -> None:
    pairs = '["]",{}],' * 20_000
    assert json_fault(f"[{pairs}1]") is None
    assert json_fault(f"[{pairs}{'[' * 127}") == f"recursion limit exceeded at line 1 column {len(pairs) + 1 + 127}"
    assert json_fault(f"[{pairs}{'[' * 126}1") == f"EOF while parsing a list at line 1 column {len(pairs) + 1 + 127}"


def test_past_the_bound_the_place_is_kept_and_the_words_are_simpler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT_UP_TO", 10)
    assert json_fault("[1, 2, 3, 4 5]") == "unexpected character, expected ',' or ']' at line 1 column 12"
    assert json_fault('["a", "b", "c"]') is None


def test_a_wrong_shape_is_looked_for_in_a_bounded_number_of_steps() -> None:
    unknown = ",".join(f'"{number}":{number}' for number in range(MANY))
    assert shape_fault(f'{{{unknown},"choices":5}}', ANSWER) is None
    assert steps_of(lambda: shape_fault(f'{{{unknown},"choices":5}}', ANSWER)) < 1_000_000
    spaces = f'{{{" " * MANY}"choices":{" " * MANY}5}}'
    assert shape_fault(spaces, ANSWER) == f"invalid type: integer `5`, expected a sequence at line 1 column {len(spaces) - 1}"
    assert steps_of(lambda: shape_fault(spaces, ANSWER)) < 1_000
