"""Which files a configuration's path or glob names.

What is there under the very name is meant by it, whatever characters it holds; so are the folders that a glob begins with.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

_SPECIAL = re.compile(r"[*?\[\]{}]")
_ESCAPED = re.compile(r"\[([*?\[\]{},])\]")
_TO_ESCAPE = re.compile(r"[*?\[\]{},]")
_ANY_NAME = ("*", "**")


def find_files(pattern: str) -> list[str]:
    """Files that `pattern` names, sorted: a path, or a glob with `*` `?` `[…]` `{…}` (one folder) and `**` (any depth).

    Raises ValueError for a pattern that does not parse.
    """
    if Path(pattern).is_file():
        return [pattern]
    alternatives = _alternatives(pattern)
    if alternatives:  # each is looked for where it is, not below a common root
        return sorted({file for part in alternatives for file in find_files(part)})
    folder, rest = _split(pattern)
    plain = _plain(rest)
    if plain is not None:
        return [folder + plain] if Path(folder + plain).is_file() else []
    expression = re.compile(re.escape(folder) + _translate(rest, pattern))
    found: list[str] = []
    for here, names, files in os.walk(folder or "."):
        names.sort()
        base = here.rstrip("/") + "/"
        if not folder:
            base = base.removeprefix("./")
        found += [base + name for name in files if expression.fullmatch(base + name)]
        if "**" not in rest and base.count("/") >= (folder + rest).count("/"):
            names.clear()  # nothing deeper can match
    return sorted(found)


def is_glob(pattern: str) -> bool:
    """Whether `pattern` may name several files, or others than one of its own name."""
    return _plain(pattern) is None


def escaped(path: str) -> str:
    """A glob, or a part of one, that matches exactly `path`."""
    return _TO_ESCAPE.sub(lambda match: f"[{match[0]}]", path)


def any_of(paths: Sequence[str]) -> str:
    """A path or glob that names exactly these files."""
    return paths[0] if len(paths) == 1 else "{" + ",".join(map(escaped, paths)) + "}"


def _plain(part: str) -> str | None:
    """The name that a part of a glob stands for; None where it may stand for several."""
    return None if _SPECIAL.search(_ESCAPED.sub("", part)) else _ESCAPED.sub(r"\1", part)


def _split(pattern: str) -> tuple[str, str]:
    """The folders that a glob begins with, by their names, and the glob below them."""
    parts = pattern.split("/")
    folder = ""
    for index, part in enumerate(parts[:-1]):
        plain = _plain(part)
        if plain != part and part not in _ANY_NAME and Path(folder + part).is_dir():
            plain = part
        if plain is None:
            return folder, "/".join(parts[index:])
        folder += plain + "/"
    return folder, parts[-1]


def _alternatives(pattern: str) -> list[str]:
    """The parts of a pattern that is nothing but `{…,…}`; none for any other."""
    if not (pattern.startswith("{") and pattern.endswith("}")):
        return []
    inside = list(_letters(pattern[1:-1]))
    if "{" in inside or "}" in inside:
        return []
    parts = [""]
    for letter in inside:
        if letter == ",":
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _letters(pattern: str) -> Iterator[str]:
    """Escaped characters whole, all else letter by letter."""
    index = 0
    while index < len(pattern):
        match = _ESCAPED.match(pattern, index)
        letter = pattern[index] if match is None else match[0]
        yield letter
        index += len(letter)


def _translate(glob: str, pattern: str) -> str:
    """`glob` as a regular expression; it is a part of `pattern`, which errors name."""
    out, i, depth = "", 0, 0
    while i < len(glob):
        char = glob[i]
        if glob.startswith("**/", i):
            out, i = out + "(?:.*/)?", i + 3
            continue
        if glob.startswith("**", i):
            out, i = out + ".*", i + 2
            continue
        if char == "[":
            end = glob.find("]", i + 2)
            if end < 0:
                raise ValueError(f"error parsing glob '{pattern}': unclosed character class; missing ']'")
            inside = glob[i + 1 : end].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
            out, i = out + f"[{'^' + inside[1:] if inside[0] == '!' else inside}]", end + 1
            continue
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
        if depth < 0:
            raise ValueError(
                f"error parsing glob '{pattern}': unopened alternate group; missing '{{' (maybe escape '}}' with '[}}]'?)"
            )
        special = {"*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")", ",": "|" if depth else ","}
        out, i = out + special.get(char, re.escape(char)), i + 1
    if depth:
        raise ValueError(
            f"error parsing glob '{pattern}': unclosed alternate group; missing '}}' (maybe escape '{{' with '[{{]'?)"
        )
    try:
        re.compile(out)
    except re.error:
        raise ValueError(f"error parsing glob '{pattern}': invalid character range") from None
    return out
