"""A cell as a prompt."""

from __future__ import annotations

import pytest

from tensorzero_notebook.errors import UserError
from tensorzero_notebook.placeholders import Names
from tensorzero_notebook.prompt_cell import PromptOptions, parse_prompt_line, parse_use, user_message


def test_the_line_is_read_like_a_shell_command() -> None:
    line = "--function f --variant v --tag a=b --tag c=d=e --system 'be nice' --out answer --continue --raw --no-fill"
    assert parse_prompt_line(line) == PromptOptions(
        function="f",
        variant="v",
        system="be nice",
        out="answer",
        continues=True,
        raw=True,
        fill=False,
        tags={"a": "b", "c": "d=e"},
    )


def test_a_name_in_the_line_fills_its_word_and_never_becomes_another_option() -> None:
    names = Names({"model": "dummy::good", "who": "me --raw", "persona": 'You are "Bo"'})
    options = parse_prompt_line("--model {model} --tag who={who} --system {persona}", names)
    assert (options.model, options.tags, options.system, options.raw) == (
        "dummy::good",
        {"who": "me --raw"},
        'You are "Bo"',
        False,
    )
    assert options.filled.values == {"model": 11, "who": 8, "persona": 12}
    assert parse_prompt_line("--model {model} --no-fill", names).model == "{model}"
    assert parse_use("model={model}", [], [], names) == {"model": "dummy::good"}


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
