"""Blocks go in and out of any TOML text, and nothing else in it changes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tensorzero.command.toml_source import parse, statements, with_table, without_table

NEW = ("functions", "f", "variants", "new")
AFTER = [("functions", "f", "variants"), ("functions", "f"), ("functions",)]
HEADERS = [
    "[functions.f]",
    "[functions.f.variants.a]",
    '[functions."f".variants.b] # b',
    "[functions.g.variants.new]",
    "[[list]]",
    "[models]",
]
BODIES = [
    "x = 1\n",
    'text = """\n[functions.f.variants.new]\n# no comment """\n',
    "list = [ # here\n  ']', \"#\",\n]\n",
    "b = '''\n]\n'''\n",
    "dotted . 'key' = { inline = [1, { deep = \"}\" }] } # end\n",
    "",
]
BETWEEN = ["", "\n", "\n\n", "# a comment\n", "\n# a comment\n", "# a comment\n\n", "  \n# [functions.f]\n\n# one\n"]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Tables in any order, each once, with comments and blank lines between."""
    headers = draw(st.permutations(HEADERS).map(lambda found: found[: draw(st.integers(1, len(HEADERS)))]))
    parts = [draw(st.sampled_from(BETWEEN))]
    for header in headers:
        parts += [f"{header}\n", draw(st.sampled_from(BODIES)), draw(st.sampled_from(BETWEEN))]
    text = "".join(parts)
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@settings(max_examples=400, deadline=None)
@given(texts())
def test_what_goes_in_comes_out(text: str) -> None:
    changed = with_table(text, NEW, {"model": "m", "stop": ["]", "\n"]}, after=AFTER)
    assert parse(changed)["functions"]["f"]["variants"]["new"] == {"model": "m", "stop": ["]", "\n"]}
    at = next(number for number, (old, new) in enumerate(zip(text + "\0", changed + "\0", strict=False)) if old != new)
    added = len(changed) - len(text)
    assert any(changed[:start] + changed[start + added :] == text for start in range(at + 1))
    assert without_table(changed, NEW) == text


@settings(max_examples=400, deadline=None)
@given(texts())
def test_statements_are_whole_lines_in_order_and_everything_between_is_blank_or_comment(text: str) -> None:
    at = 0
    for statement in statements(text):
        assert all(not line.strip() or line.lstrip().startswith("#") for line in text[at : statement.start].split("\n"))
        assert text[statement.start : statement.end].endswith("\n")
        at = statement.end
    assert all(not line.strip() or line.lstrip().startswith("#") for line in text[at:].split("\n"))


@settings(max_examples=400, deadline=None)
@given(texts(), st.sampled_from([("functions", "f"), ("functions", "g"), ("functions", "f", "variants", "b"), ("models",)]))
def test_what_is_taken_out_is_all_that_goes(text: str, keys: tuple[str, ...]) -> None:
    left = without_table(text, keys)
    assert not any(statement.within(keys) for statement in statements(left))
    kept = [text[s.start : s.end] for s in statements(text) if not s.within(keys)]
    assert [left[s.start : s.end] for s in statements(left)] == kept
