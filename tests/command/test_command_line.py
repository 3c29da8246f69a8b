"""The command line: it shows, asks, refuses to guess, and its exit status says what happened."""

from __future__ import annotations

import builtins
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tensorzero.command import command_line, main

ROOT = Path(__file__).resolve().parent.parent.parent
TOML = """[functions.f]
type = "chat"

[functions.f.variants.a]
type = "chat_completion"
model = "dummy::good"
"""
ADD = ("variant", "add", "f", "b", "--model", "dummy::good")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def config(config_dir: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    path = config_dir(TOML)
    monkeypatch.chdir(path.parent)
    return path


def test_without_a_terminal_and_without_yes_nothing_is_written(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Be kind."))
    assert main([*ADD, "--system-template", "-"]) == 1
    shown = capsys.readouterr()
    assert "+++ functions/f/b/system_template.minijinja" in shown.out
    assert "+[functions.f.variants.b]" in shown.out
    assert "--yes" in shown.err
    assert [item.name for item in config.parent.iterdir()] == ["tensorzero.toml"]
    assert config.read_text() == TOML


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("yes", 0), ("", 1), ("n", 1)])
def test_a_terminal_is_asked(config: Path, monkeypatch: pytest.MonkeyPatch, answer: str, status: int) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(builtins, "input", lambda prompt: answer)
    assert main(ADD) == status
    assert ("variants.b" in config.read_text()) == (status == 0)


def test_a_mistake_goes_to_standard_error(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ADD, "--json-mode", "on", "--yes"]) == 1
    assert "JSON mode" in capsys.readouterr().err
    assert main(["variant", "diff", "f", "a", "nothing"]) == 2
    assert config.read_text() == TOML


def test_no_configuration_is_a_mistake_that_names_the_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ADD, "--config", str(tmp_path / "none.toml")]) == 1
    assert "--config" in capsys.readouterr().err


def test_only_one_text_comes_from_standard_input(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ADD, "--system-template", "-", "--user-template", "-"]) == 1
    assert "Only one of" in capsys.readouterr().err


def test_variants_and_functions_as_a_user_would(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ADD, "--temperature", "0.5", "--stop-sequence", "x", "--weight", "1", "--yes"]) == 0
    assert main(["variant", "diff", "f", "a", "b"]) == 1
    assert "+temperature = 0.5" in capsys.readouterr().out
    assert main(["variant", "diff", "f", "a", "a"]) == 0
    assert main(["variant", "remove", "f", "b", "--yes"]) == 0
    assert config.read_text() == TOML
    assert main(["function", "add", "g", "--model", "dummy::good", "--description", "d", "--yes"]) == 0
    assert main(["function", "diff", "f", "g"]) == 1
    assert main(["function", "remove", "g", "--files", "-y"]) == 0
    assert config.read_text() == TOML


def test_files_of_the_line_are_written_beside_the_configuration(config: Path, tmp_path: Path) -> None:
    (tmp_path / "person.json").write_text('{"type": "object"}')
    (tmp_path / "haiku.txt").write_text("Write a haiku.")
    arguments = ["--type", "json", "--output-schema", str(tmp_path / "person.json"), "--model", "dummy::json"]
    assert main(["function", "add", "extract", *arguments, "--json-mode", "strict", "--yes"]) == 0
    template = ["--system-template", str(tmp_path / "haiku.txt")]
    assert main(["variant", "add", "extract", "b", "--model", "dummy::json", "--json-mode", "on", *template, "--yes"]) == 0
    folder = config.parent / "functions" / "extract"
    assert (folder / "output_schema.json").read_text() == '{"type": "object"}'
    assert (folder / "b" / "system_template.minijinja").read_text() == "Write a haiku."
    assert main(["function", "remove", "extract", "--files", "--yes"]) == 0
    assert [item.name for item in config.parent.iterdir()] == ["tensorzero.toml"]


def test_without_tomlkit_the_install_command_is_named(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tomlkit", None)
    assert main([*ADD, "--yes"]) == 1
    assert 'pip install "tensorzero[cli]"' in capsys.readouterr().err
    assert config.read_text() == TOML


def test_asking_for_help_loads_no_gateway() -> None:
    program = (
        "import sys\nfrom tensorzero.command import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = ('tensorzero.gateway', 'tensorzero.clients', 'asyncio', 'tomlkit', 'minijinja')\n"
        "sys.exit(', '.join(name for name in heavy if name in sys.modules) or 0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_setting_of_the_line_is_a_key_of_a_chat_completion() -> None:
    from tensorzero.gateway.config.sections import PARAMETERS

    offered = {*command_line._NUMBERS, *command_line._WORDS, "stop_sequences", "json_mode"}  # pyright: ignore[reportPrivateUsage]
    assert offered == {*PARAMETERS, "weight"}
