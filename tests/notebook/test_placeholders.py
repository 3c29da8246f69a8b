"""What braces in a prompt cell stand for."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import re
import time
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tensorzero_notebook.errors import UserError
from tensorzero_notebook.placeholders import Names, fill_in, names_of


@dataclasses.dataclass
class Row:
    name: str
    n: int = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Slots:
    name: str


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


Pair = collections.namedtuple("Pair", "a b")


class Runs:
    """Everything that code could run in, but for what is stored."""

    def __init__(self) -> None:
        self.__dict__["stored"] = "as it is"

    def ran(self, *_: Any) -> Any:
        raise AssertionError("it ran")

    __str__ = __repr__ = __format__ = __getattr__ = __getitem__ = __iter__ = __len__ = __eq__ = ran  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]
    __class__ = shown = property(ran)  # type: ignore[assignment]


class RunsWhenMissing(dict):  # type: ignore[type-arg]
    def __missing__(self, key: str) -> Any:
        raise AssertionError("it ran")


OWN: dict[str, Any] = {
    "name": "Ada",
    "topic": "the sea",
    "words": ["a", "é"],
    "n": 3,
    "x": 1,
    "price": 1234.5678,
    "row": Row("Bo"),
    "slots": Slots("Cy"),
    "pair": Pair("one", 2),
    "table": {
        "key": "value",
        7: "seven",
        "rows": [{"id": uuid.UUID(int=0), "ok": True, "none": None, "half": np.float32(0.5)}],
    },
    "series": pd.Series({"name": "Dee", "score": 0.5}),
    "frame": pd.DataFrame({"a": [1]}),
    "array": np.arange(3),
    "naïve": "spelt so",
    "नाम": "Devi",
    "runs": Runs(),
    "missing": RunsWhenMissing(),
    "json": json,
    "make": lambda: "called",
}
NAMES = Names(OWN, ("In", "Out", "exit"))


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Dear {name},", "Dear Ada,"),
        ("{row.name} {row.n} {slots.name} {pair.a} {pair[1]}", "Bo 3 Cy one 2"),
        ("""{table["key"]} {table['key']} {table[7]} {words[0]} {words[-1]} {name[0]}""", "value value seven a é A"),
        ("{series['name']} {series['score']} {array[2]}", "Dee 0.5 2"),
        ("{price:.2f} {price:,.1f} {n:03d} {x:.0%}", "1234.57 1,234.6 003 100%"),
        ("{words} {pair}", '["a", "é"] ["one", 2]'),
        ("{table['rows']}", '[{"id": "00000000-0000-0000-0000-000000000000", "ok": true, "none": null, "half": 0.5}]'),
        ("{naïve} {nai\u0308ve} {नाम} {n–m}", "spelt so spelt so Devi {n–m}"),
        ("{runs.stored}", "as it is"),
        ("{{name}} {{{name}}} {{{{name}}}}", "{name} {Ada} {{name}}"),
        ("{{topc}} {{row.name}} {{frame}} {{make}}", "{topc} {row.name} {frame} {make}"),
        ('{"to": "{name}", "list": [{"a": {}}]}', '{"to": "Ada", "list": [{"a": {}}]}'),
        (r"\frac{x}{y}", r"\frac1{y}"),
        ("{{x}+{y}}", "{{x}+{y}}"),
        ("{name}} {{name} }", "Ada} {{name} }"),
    ],
)
def test_plain_names_and_what_is_inside_them_are_filled_in(text: str, filled: str) -> None:
    assert fill_in(text, NAMES).text == filled


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "x", "n": 1}',
        "{nobody} {} {1} {'text'}",
        "{len} {id} {print} {lambda}",
        "V_{Out}/V_{In}",
        "awk 'NR > 3 {exit} {print $1} { print $2 }'",
        "{{ name }} {{nobody}} {{.Name}} {{ name | upper }} {% if x %}",
        "{_} {__} {_i1} {_private}",
        "{name.upper()} {n * 2} {len(words)} {make()} {words[n]} {words[0:1]} {[w for w in words]} {runs.shown()}",
        "{name!r} {name:>10} {x=} {x:1} {x:n}",
        "a{x:red} p { x: 1 }",
        "{ {name",
        "{ name }",
        "function f() { return name; }",
        r"\begin{document} \textbf{words of mine}",
        "{name\n}",
    ],
)
def test_everything_else_stays_as_it_is_written(text: str) -> None:
    filled = fill_in(text, NAMES)
    assert filled.text == text
    assert not filled.values


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{topc}", "There is no name topc", r"Did you mean \{topic\}\? \{\{topc\}\} sends \{topc\}"),
        ("{frame}", "it is a DataFrame", r"frame\.to_csv"),
        ("{array}", "it is a ndarray", r"tolist\(\)"),
        ("{series}", "it is a Series", r"tolist\(\)"),
        ("{json}", "it is a module", "--no-fill"),
        ("{json.loads}", "json, a module, has no 'loads'", "--no-fill"),
        ("{make}", "it is a function", "--no-fill"),
        ("{runs}", "it is a Runs", "--no-fill"),
        ("{runs.shown}", "runs, a Runs, has no 'shown' that can be read", "--no-fill"),
        ("{runs[0]}", "runs, a Runs, has no 0", "--no-fill"),
        ("{missing['a']}", "missing, a RunsWhenMissing, has no 'a'", "--no-fill"),
        ("{row.nmae}", "row, a Row, has no 'nmae'", "Did you mean name"),
        ("{table['kee']}", "table, a dict, has no 'kee'", "Did you mean key"),
        ("{words[5]}", "words, a list, has no 5", "--no-fill"),
        ("{name:.2f}", "a format is for numbers", "--no-fill"),
        ("{n:.2d}", "Precision not allowed", "--no-fill"),
    ],
)
def test_what_cannot_be_filled_in_is_refused_in_words(text: str, message: str, hint: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        fill_in(text, NAMES)
    assert re.search(hint, str(caught.value.hint))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (np.bool_(False), "False"),
        (2**70, str(2**70)),
        (0.1, "0.1"),
        (np.float64(0.1), "0.1"),
        (np.float32(0.1), "0.1"),
        (np.int64(7), "7"),
        (np.str_("text"), "text"),
        (decimal.Decimal("1.50"), "1.50"),
        (Colour.RED, "red"),
        (Level.HIGH, "3"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (pd.Timestamp("2026-01-02 03:04", tz="UTC"), "2026-01-02 03:04:00+00:00"),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (pathlib.PurePosixPath("/a b"), "/a b"),
        ({Level.HIGH: {np.int64(1)}, "t": (datetime.date(2026, 1, 2),)}, '{"3": [1], "t": ["2026-01-02"]}'),
        (collections.Counter("aab"), '{"a": 2, "b": 1}'),
    ],
)
def test_every_plain_value_has_its_text(value: Any, text: str) -> None:
    assert fill_in("{it}", Names({"it": value})).text == text


@pytest.mark.parametrize(
    "value",
    [object(), [object()], {"a": Runs()}, 10**5000, b"bytes", iter([]), len, str, pd.NA],
    ids=lambda value: type(value).__name__,
)
def test_nothing_else_has_one(value: Any) -> None:
    with pytest.raises(UserError, match=r"\{it\} cannot be filled in: "):
        fill_in("{it}", Names({"it": value}))


def test_a_list_in_itself_has_no_text() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(UserError, match="nested more than 50 deep"):
        fill_in("{endless}", Names({"endless": endless}))


def test_one_line_tells_names_and_sizes_but_no_value() -> None:
    assert fill_in("no braces", NAMES).told() is None
    assert fill_in("{name} {name} {x} {{name}} {nobody} {n + 1}", NAMES).told() == (
        "filled in {name} (3 characters), {x} (1 character); without the doubled braces {{name}}; "
        "left as written {nobody}, {n + 1}"
    )
    assert (
        fill_in("{aa} {bb} {cc} {dd} {ee} {ff} {gg}", NAMES).told() == "left as written {aa}, {bb}, {cc}, {dd}, {ee} and 2 more"
    )


def test_a_value_is_not_filled_in_again() -> None:
    assert fill_in("{a}", Names({"a": "{b} {{b}}", "b": "never"})).text == "{b} {{b}}"


def test_hidden_names_are_the_users_once_they_are_given_another_value() -> None:
    hidden = {"exit": object(), "In": []}
    namespace = {**hidden, "mine": 1, "_private": 2}
    assert names_of(namespace, hidden).own == {"mine": 1}
    assert names_of({**namespace, "exit": 3}, hidden).own == {"mine": 1, "exit": 3}


@pytest.mark.parametrize(
    "text",
    ["{" * 200_000, "{a" * 100_000, '{a["' * 50_000, "{a.b" * 50_000, "{n+" * 50_000 + "}" * 50_000, "{n+1 (}" * 50_000],
    ids=range(6),
)
def test_many_braces_are_read_in_reasonable_time(text: str) -> None:
    start = time.monotonic()
    assert fill_in(text, NAMES).text == text
    assert time.monotonic() - start < 10


def test_many_unknown_names_beside_many_of_the_user_are_read_in_reasonable_time() -> None:
    own = {f"variable_{number}": number for number in range(2000)}
    text = " ".join(f"{{other{number}}}" for number in range(5000))
    start = time.monotonic()
    assert fill_in(text, Names(own)).text == text
    assert time.monotonic() - start < 10
