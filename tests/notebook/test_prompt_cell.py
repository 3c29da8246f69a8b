"""A cell as a prompt."""

from __future__ import annotations

from typing import Any

import pytest

from tensorzero_notebook.errors import UserError
from tensorzero_notebook.prompt_cell import PromptOptions, fill_in, parse_prompt_line, parse_use, user_message

NAMESPACE: dict[str, Any] = {"name": "Ada", "words": ["a", "b"], "n": 3, "x": 1}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Dear {name},", "Dear Ada,"),
        ("{name.upper()} {n * 2} {len(words)}", "ADA 6 2"),
        ("{', '.join(w for w in words)}", "a, b"),
        ("{ {'k}': name}['k}'] }", "Ada"),
        ('{"name": "x", "n": 1}', '{"name": "x", "n": 1}'),
        ('{"to": "{name}", "list": [{"a": {}}]}', '{"to": "Ada", "list": [{"a": {}}]}'),
        ("{nobody} {name + nobody} {} {1} {'text'}", "{nobody} {name + nobody} {} {1} {'text'}"),
        ("{len} {id}", "{len} {id}"),
        ("{{ name }} {{name}}", "{{ name }} {{name}}"),
        ("{name!r} {n:.2f}", "{name!r} {n:.2f}"),
        ("{ {name", "{ {name"),
        ("function f() { return name; }", "function f() { return name; }"),
    ],
)
def test_braces_are_filled_only_where_they_parse_and_their_names_exist(text: str, filled: str) -> None:
    assert fill_in(text, NAMESPACE) == filled


def test_an_expression_that_fails_says_which() -> None:
    with pytest.raises(UserError, match=r"\{x / 0\} could not be filled in: ZeroDivisionError"):
        fill_in("{x / 0}", NAMESPACE)


def test_many_braces_are_read_in_reasonable_time() -> None:
    text = "{" * 3000 + "[{(" * 1000 + "}" * 3000
    assert fill_in(text, NAMESPACE) == text


def test_the_line_is_read_like_a_shell_command() -> None:
    line = "--function f --variant v --tag a=b --tag c=d=e --system 'be nice' --out answer --continue --raw"
    assert parse_prompt_line(line) == PromptOptions(
        function="f",
        variant="v",
        system="be nice",
        out="answer",
        continues=True,
        raw=True,
        tags={"a": "b", "c": "d=e"},
    )


@pytest.mark.parametrize(
    "line", ["--nope", "--tag a", "--out 1a", "--function f --model m", "--model m --variant v", "'open", "stray"]
)
def test_a_wrong_line_is_a_user_error(line: str) -> None:
    with pytest.raises(UserError):
        parse_prompt_line(line)


def test_a_json_cell_is_arguments_only_where_there_is_a_schema() -> None:
    assert user_message('{"a": 1}', None)["content"] == [{"type": "text", "text": '{"a": 1}'}]
    block = {"type": "template", "name": "user", "arguments": {"a": 1}}
    assert user_message('{"a": 1}', object())["content"] == [block]
    assert user_message("words", object())["content"] == [{"type": "text", "text": "words"}]


def test_use_takes_pairs_and_bare_names() -> None:
    assert parse_use("function=f variant=v", ["f"], []) == {"function": "f", "variant": "v"}
    assert parse_use("f", ["f"], []) == {"function": "f"}
    assert parse_use("openai::gpt-4o", ["f"], []) == {"model": "openai::gpt-4o"}
    assert parse_use("episode=none", [], []) == {"episode": None}
    for line in ("", "nobody", "colour=red"):
        with pytest.raises(UserError):
            parse_use(line, ["f"], [])
