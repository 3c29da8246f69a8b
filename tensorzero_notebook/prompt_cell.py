"""A cell as a prompt: the options of its line, and its text as a message. Pure functions."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any, NoReturn
from uuid import UUID

from tensorzero_notebook.errors import UserError
from tensorzero_notebook.nearest import did_you_mean
from tensorzero_notebook.placeholders import Filled, Names, fill_in

OUT_NAME = "_tz"
USED = ("function", "variant", "model", "episode")


@dataclass(frozen=True, slots=True)
class PromptOptions:
    """`%%tensorzero`'s line. `continues` goes on with the last conversation; `fill` fills `{name}` in; `filled` is what was
    filled in on the line itself."""

    function: str | None = None
    variant: str | None = None
    model: str | None = None
    episode: str | None = None
    system: str | None = None
    out: str = OUT_NAME
    continues: bool = False
    raw: bool = False
    fill: bool = True
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    filled: Filled = field(default_factory=Filled)


class LineParser(argparse.ArgumentParser):
    """Reads the first line of a cell; what is wrong with it is a `UserError` with the nearest right name."""

    def __init__(self, magic: str, below: str) -> None:
        """`below`: what the lines under the first one are."""
        super().__init__(magic, add_help=False, allow_abbrev=False)
        self._below = below

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        given, left = self.parse_known_args(words)
        for word in left:
            options = [option for action in self._actions for option in action.option_strings]
            if word.startswith("-"):
                long = [option for option in options if option.startswith("--")]
                near = did_you_mean(word.partition("=")[0], long)
                raise UserError(
                    f"{self.prog} has no option {word}.",
                    hint=f"{near}Options: {', '.join(long)}; %tensorzero help tells of them.",
                )
            raise UserError(f"{self.prog}: what is {word}?", hint=f"{self._below} goes on the lines below the first.")
        return given

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{self.prog}: {message}", hint=self.format_usage().strip())


def prompt_parser() -> LineParser:
    parser = LineParser("%%tensorzero", "The prompt")
    parser.add_argument("--function", "-f")
    parser.add_argument("--variant", "-v")
    parser.add_argument("--model", "-m")
    parser.add_argument("--episode", "-e")
    parser.add_argument("--system", "-s")
    parser.add_argument("--out", "-o", default=OUT_NAME)
    parser.add_argument("--tag", "-t", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--continue", "-c", dest="continues", action="store_true")
    parser.add_argument("--raw", action="store_true")
    parser.add_argument("--no-fill", action="store_true")
    return parser


def parse_prompt_line(line: str, names: Names | None = None) -> PromptOptions:
    """`{name}` in a word of the line is filled in from `names`, as it is in the cell. Raises `UserError`."""
    words = split_line(line)
    filled = Filled()
    if "--no-fill" not in words:
        words, filled = fill_words(words, names or Names())
    given = prompt_parser().read(words)
    if given.function and given.model:
        raise UserError("Name a function or a model, not both.")
    if given.variant and given.model:
        raise UserError("A variant belongs to a function: name --function, not --model.")
    if not given.out.isidentifier() or iskeyword(given.out):
        raise UserError(f"--out {given.out}: not a Python name.")
    if given.episode is not None:
        check_episode(given.episode)
    return PromptOptions(
        function=given.function,
        variant=given.variant,
        model=given.model,
        episode=given.episode,
        system=given.system,
        out=given.out,
        continues=given.continues,
        raw=given.raw,
        fill=not given.no_fill,
        tags=dict(_tag(text) for text in given.tag),
        filled=filled,
    )


def check_episode(text: str) -> None:
    """Raises `UserError` for what is no id at all; the gateway says the rest."""
    try:
        UUID(text)
    except ValueError:
        hint = "An episode's id is a UUID: `episode_id` of a response, or a column of `inferences()`."
        raise UserError(f"{text} is not an episode's id.", hint=hint) from None


def split_line(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UserError(f"{line.strip()}: {error}") from None


def fill_words(words: Sequence[str], names: Names) -> tuple[list[str], Filled]:
    """A line's words, each filled in by itself: a value never becomes two words, or an option."""
    done: list[str] = []
    told = Filled()
    for word in words:
        filled = fill_in(word, names)
        done.append(filled.text)
        told = filled.after(told)
    return done, told


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UserError(f"--tag {text}: write it as key=value.")
    return key, value


def user_message(text: str, schema: Any | None) -> dict[str, Any]:
    """The cell as a message: words, or, where the function's user template has a schema and the cell is a JSON object, its
    arguments."""
    if schema is not None:
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if isinstance(value, dict):
            return {"role": "user", "content": [{"type": "template", "name": "user", "arguments": value}]}
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def system_of(text: str | None, schema: Any | None) -> Any:
    """`--system` as words, or as arguments where the system template has a schema."""
    if text is not None and schema is not None:
        try:
            value = json.loads(text)
        except ValueError:
            return text
        return value if isinstance(value, dict) else text
    return text


def parse_use(line: str, functions: Sequence[str], models: Sequence[str], names: Names | None = None) -> dict[str, str | None]:
    """`%tensorzero use`: `function=… variant=… model=… episode=…`, or a bare function's or model's name; `none` clears."""
    chosen: dict[str, str | None] = {}
    for word in fill_words(split_line(line), names or Names())[0]:
        key, equals, value = word.partition("=")
        if not equals:
            key, value = ("function", word) if word in functions else ("model", word)
            if key == "model" and word not in models and "::" not in word:
                near = did_you_mean(word, [*functions, *models])
                raise UserError(
                    f"There is no function or model {word}.", hint=f"{near}Or name one: function=…, model=…, episode=…"
                )
        if key not in USED:
            near = did_you_mean(key, USED)
            raise UserError(f"{key} cannot be used.", hint=f"{near}There are: {', '.join(f'{name}=…' for name in USED)}.")
        chosen[key] = None if value in ("", "none") else value
    if chosen.get("episode"):
        check_episode(str(chosen["episode"]))
    if not chosen:
        raise UserError("Say what to use.", hint="%tensorzero use function=… variant=… model=… episode=…; none clears.")
    return chosen
