"""Marks, line ends, encodings and names of a configuration's files: as in the original, or an error that says what to do."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tensorzero import TensorZeroError, TensorZeroGateway, TensorZeroInternalError
from tensorzero.gateway.config.globs import any_of, escaped, find_files
from tensorzero.gateway.config.loading import load_config
from tensorzero.gateway.config.watching import changed_since, take_stamps
from tensorzero.gateway.errors import ConfigError

TOML = """
[functions.f]
type = "chat"
schemas.user.path = "s.json"

[functions.f.variants.v]
type = "chat_completion"
model = "dummy::echo"
templates.user.path = "u.j"
"""
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": [{"type": "text", "arguments": {"x": "v"}}]}]}
SPECIAL = ["[x]", "{y}", "a, b", "a,b", "*s", "q?", "[", "]", "{", "}", "[!z]", "{a,b}", "[a-c]", "x]y", "a\\b"]


def files(folder: Path, toml: bytes = TOML.encode(), template: bytes = b"T {{ x }}", schema: bytes = b"{}") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "u.j").write_bytes(template)
    (folder / "s.json").write_bytes(schema)
    (folder / "t.toml").write_bytes(toml)
    return str(folder / "t.toml")


@pytest.fixture
def sent(tmp_path: Path) -> Callable[..., str]:
    def one(**contents: bytes) -> str:
        with TensorZeroGateway.build_embedded(config_file=files(tmp_path, **contents)) as client:
            answer: Any = client.inference(function_name="f", input=ASK)
            return answer.content[0].text

    return one


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., tuple[str, str]]:
    def one(**contents: bytes) -> tuple[str, str]:
        with pytest.raises(TensorZeroInternalError) as caught:
            TensorZeroGateway.build_embedded(config_file=files(tmp_path, **contents))
        return str(caught.value), caught.value.hint or ""  # type: ignore[attr-defined]

    return one


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_mark_and_windows_line_ends_are_no_part_of_a_configuration(sent: Callable[..., str], mark: bytes, ends: str) -> None:
    assert "T v" in sent(toml=mark + TOML.replace("\n", ends).encode())


def test_a_template_is_sent_as_it_is(sent: Callable[..., str]) -> None:
    assert "\\ufeffT v" in sent(template=codecs.BOM_UTF8 + b"T {{ x }}").encode("unicode_escape").decode()
    assert "A\r\n\r\nv\r\n" in sent(template=b"{% if x %}A{% endif %}\r\n\r\n{{ x }}\r\n\r\n").replace("\\r\\n", "\r\n")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"""a\r\nb"""', "a\r\nb"),
        ('"""\r\na\r\n\r\nb\r\n"""', "a\r\n\r\nb\r\n"),
        ("'''a\r\nb'''", "a\r\nb"),
        ("'''\r\na\\\r\nb'''", "a\\\r\nb"),
        ('"""a \\\r\n   b\r\nc"""', "a b\r\nc"),
        ('"""a \\\r\n\r\n \r\n  b"""', "a b"),
        ('"""a\\\\\r\nb"""', "a\\\r\nb"),
        ('"""say ""\r\n"x"\r\n""""', 'say ""\r\n"x"\r\n"'),
        ("\"'''\" # '''\r\nother = '''x\r\ny'''", "'''"),
        ('"""a\nb\r\nc"""', "a\nb\r\nc"),
    ],
)
def test_strings_of_several_lines_keep_their_line_ends(tmp_path: Path, written: str, value: str) -> None:
    """As in the original (observed 2026.6.0)."""
    toml = f'[tools.t]\r\nparameters = "s.json"\r\ndescription = {written}\r\n'.replace("other = ", "name = ")
    config = load_config(files(tmp_path, toml=toml.encode()))
    assert config.tools["t"].description == value


NOT_UTF8 = "stream did not contain valid UTF-8"


@pytest.mark.parametrize("part", ["toml", "template", "schema"])
def test_a_file_of_another_encoding_is_named_with_the_place(refused: Callable[..., tuple[str, str]], part: str) -> None:
    message, hint = refused(**{part: b"ok\nab\xe9"})
    assert NOT_UTF8 in message
    assert {"toml": "t.toml", "template": "u.j", "schema": "s.json"}[part] in message
    assert "the byte 0xe9 in line 2, column 3" in hint
    message, hint = refused(**{part: "{}".encode("utf-16")})
    assert NOT_UTF8 in message
    assert "it begins with the mark of UTF-16" in hint
    assert message.count("`") <= 2 or part == "toml"  # nothing follows from it that is another mistake


def test_a_schema_with_a_mark_is_refused_as_in_the_original_and_told_why(refused: Callable[..., tuple[str, str]]) -> None:
    message, hint = refused(schema=codecs.BOM_UTF8 + b"{}")
    assert "Failed to parse JSON Schema `s.json`: expected value at line 1 column 1" in message
    assert hint == "`s.json` begins with a byte order mark: save it as UTF-8 without one."


@pytest.mark.parametrize("toml", [b"\0", b"a\x1a", TOML.replace("\n", "\r").encode(), codecs.BOM_UTF8 * 2 + TOML.encode()])
def test_other_characters_are_a_toml_error(refused: Callable[..., tuple[str, str]], toml: bytes) -> None:
    assert "Failed to parse config file as valid TOML: TOML parse error at line 1, column " in refused(toml=toml)[0]


@pytest.mark.parametrize("name", SPECIAL)
def test_a_folder_may_be_called_anything(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = files(tmp_path / name / "below")
    for other in ("x", "y", "a", "b", "s", "as", "z", "d", "q1"):
        files(tmp_path / other / "below", toml=b"[functions")
    folder = str(tmp_path / name)
    for below in ("below/t.toml", "below/*.toml", "**/*.toml", "*/t.toml", "below/{t,u}.toml"):
        pattern = f"{folder}/{below}"
        assert find_files(pattern) == [path]
        assert "f" in load_config(pattern).functions
    assert find_files(f"{escaped(folder)}/below/t.toml") == [path]
    assert find_files(f"{escaped(folder)}/*/*.toml") == [path]
    monkeypatch.chdir(tmp_path / name)
    assert find_files("below/t.toml") == ["below/t.toml"]
    assert find_files("**/*.toml") == find_files("*/t.toml") == ["below/t.toml"]
    assert find_files("./below/*.toml") == ["./below/t.toml"]


def test_a_file_may_be_called_anything(tmp_path: Path) -> None:
    for name in SPECIAL:
        (tmp_path / f"{name}.toml").write_text(TOML)
    for name in SPECIAL:
        assert find_files(str(tmp_path / f"{name}.toml")) == [str(tmp_path / f"{name}.toml")]
        assert find_files(escaped(str(tmp_path / f"{name}.toml"))) == [str(tmp_path / f"{name}.toml")]
    every = [str(tmp_path / f"{name}.toml") for name in SPECIAL]
    assert find_files(any_of(every)) == sorted(every)
    assert find_files(any_of(every[:1])) == every[:1]


def test_several_files_in_folders_of_any_name_are_one_configuration(tmp_path: Path) -> None:
    first = files(tmp_path / "a, b" / "[x]")
    second = tmp_path / "{y}" / "more.toml"
    second.parent.mkdir()
    second.write_text('[metrics.good]\ntype = "boolean"\noptimize = "max"\nlevel = "inference"\n')
    pattern = f"{{{escaped(first)},{escaped(str(second.parent))}/*.toml}}"
    config = load_config(pattern)
    assert ("f" in config.functions, "good" in config.metrics) == (True, True)
    stamps = take_stamps(pattern, config.files)
    (second.parent / "third.toml").write_text("")
    assert changed_since(stamps, pattern) == [str(second.parent / "third.toml")]


def test_a_glob_is_one_where_nothing_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    path = files(tmp_path / "x")
    for pattern in ("[x]/t.toml", "[a-z]/*.toml", "{x,y}/t.toml", "?/t.toml", "*/t.toml", "**/t.toml"):
        assert find_files(f"{tmp_path}/{pattern}") == [path]
    with pytest.raises(ValueError, match="unclosed character class"):
        find_files(f"{tmp_path}/[/t.toml")


def hint_of(pattern: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(pattern)
    return caught.value.hint or ""


def test_a_configuration_that_is_not_there_is_named_with_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = files(tmp_path / "config")
    hint = hint_of(f"{tmp_path}/config/tensorzero.toml")
    assert f"Looked for `{tmp_path}/config/tensorzero.toml`." in hint
    assert f"`{tmp_path}/config` has `t.toml`" in hint
    assert f"There is no folder `{tmp_path}/confg`; `{tmp_path}` has `config`." in hint_of(f"{tmp_path}/confg/t.toml")
    assert f"`{tmp_path}/config` is a folder" in hint_of(f"{tmp_path}/config")
    monkeypatch.chdir(tmp_path)
    assert hint_of("x/*.toml") == f"Looked for `x/*.toml` in `{tmp_path}`."
    assert path


def test_a_file_that_a_configuration_names_in_vain_is_named_with_what_there_is(tmp_path: Path) -> None:
    path = files(tmp_path, toml=TOML.replace("u.j", "uu.j").encode())
    assert hint_of(path) == f"There is no `uu.j` in `{tmp_path}`; `{tmp_path}` has `u.j`."
    path = files(tmp_path, toml=TOML.replace("s.json", "schemas/s.json").encode())
    (tmp_path / "schema").mkdir()
    assert hint_of(path) == f"There is no folder `{tmp_path}/schemas`; `{tmp_path}` has `schema`."


def test_an_included_file_of_another_encoding_counts_as_missing(tmp_path: Path) -> None:
    """As in the original (observed 2026.6.0)."""
    toml = f'[gateway]\ntemplate_filesystem_access.base_path = "."\n{TOML}'.encode()
    path = files(tmp_path, toml, template=b'{% include "in.j" %}')
    (tmp_path / "in.j").write_bytes(b"\xe9")
    client = TensorZeroGateway.build_embedded(config_file=path)
    with client, pytest.raises(TensorZeroError, match="Could not load template") as caught:
        client.inference(function_name="f", input=ASK)
    assert "in line 1, column 1 is of another encoding" in caught.value.hint  # type: ignore[attr-defined]
