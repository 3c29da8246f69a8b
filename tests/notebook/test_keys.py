"""Keys are known, and never told."""

from __future__ import annotations

import os

import pytest

from tensorzero_notebook import keys
from tensorzero_notebook.errors import UserError, message_of

KEY = "sk-made-up-0123456789"


def test_a_key_is_asked_for_and_kept_in_the_process_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return f" {KEY}\n"

    assert keys.ask_key("openai", ask) == "OPENAI_API_KEY"
    assert os.environ["OPENAI_API_KEY"] == KEY
    assert prompts == ["OPENAI_API_KEY: "]
    captured = capsys.readouterr()
    assert KEY not in captured.out + captured.err
    assert keys.known_variables() == ["OPENAI_API_KEY"]


def test_no_key_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(UserError):
        keys.ask_key("openai", lambda prompt: " ")
    assert os.environ["OPENAI_API_KEY"] == KEY


def test_providers_and_variables_are_both_understood() -> None:
    assert keys.variable_of("mistral") == "MISTRAL_API_KEY"
    assert keys.variable_of("MY_PROXY_KEY") == "MY_PROXY_KEY"
    with pytest.raises(UserError, match="Unknown provider: nobody"):
        keys.variable_of("nobody")


def test_text_with_a_known_key_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("VLLM_API_KEY", "none")
    assert keys.contains_known_key(f"client = make({KEY!r})") == "OPENAI_API_KEY"
    assert keys.contains_known_key("none of them") is None


def test_messages_hide_known_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert message_of(UserError(f"refused: {KEY}", hint=f"not {KEY}")) == "refused: [key hidden]\nnot [key hidden]"
