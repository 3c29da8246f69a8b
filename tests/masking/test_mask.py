"""What `mask` finds, what it leaves alone, and what it costs."""

from __future__ import annotations

import base64
import json
import random
import string
import time
from urllib.parse import quote

import pytest
from everything_shown import leaked
from hypothesis import example, given
from hypothesis import strategies as st

from tensorzero.masking import known
from tensorzero.masking.index import Index
from tensorzero.masking.known import learn, learn_header, learn_login, learn_url, learn_variable
from tensorzero.masking.literals import learn_line, learn_location, learn_written, looks_like_key
from tensorzero.masking.mask import mask

KEY = "sk-proj-Aq7LkW0zPx4mVt2RbYc9JdHs"


@given(
    st.text(st.characters(codec="ascii", min_codepoint=33), min_size=8, max_size=60),
    st.text(max_size=30),
    st.lists(st.sampled_from(["json", "percent", "plain"]), max_size=2),
)
@example("abc%41&amp;\\u0041\"'", "", ["json", "percent"])
def test_a_key_of_any_characters_is_found_under_two_encodings(secret: str, around: str, encodings: list[str]) -> None:
    known._pieces.clear()
    if secret.lower() in known.PLACEHOLDERS:
        return
    learn(secret)
    text = f"{around} {secret} {around}"
    for encoding in encodings:
        text = json.dumps(text) if encoding == "json" else quote(text, safe="") if encoding == "percent" else text
    masked = mask(text)
    assert "[key hidden]" in masked
    assert secret not in masked
    assert mask(masked) == masked


@pytest.mark.parametrize("text", ["none", "test", "a", "local", "not-needed", "ollama", "EMPTY", "lm-studio", "", "   "])
def test_placeholders_and_short_values_hide_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", text)
    learn(text)
    learn_login(text, text)
    sentence = f"none of the tests of a local ollama has a key {text}; lm-studio is not-needed, EMPTY"
    assert mask(sentence) is sentence


def test_a_short_password_is_hidden_as_a_whole_word_only() -> None:
    learn_url("http://ana:s3c%3Dt@host/db")
    assert mask("wrong: s3c=t") == "wrong: [key hidden]"
    assert mask("wrong: s3c%3Dt; but ts3c=tx and banana") == "wrong: [key hidden]; but ts3c=tx and banana"


def test_the_user_of_a_url_is_hidden_as_a_whole_word() -> None:
    learn_url("http://analytics:pass-w0rd-x@host/db")
    assert mask("analytics: no such user; my_analytics2") == "[key hidden]: no such user; my_analytics2"


@pytest.mark.parametrize("size", [8, 9, 11, 16, 30])
@pytest.mark.parametrize("before", range(5))
def test_every_piece_of_eight_characters_is_found_wherever_it_stands(size: int, before: int) -> None:
    learn(KEY)
    for start in range(len(KEY) - size + 1):
        piece = KEY[start : start + size]
        shown = mask("~" * before + piece + "~")
        assert shown == "~" * before + ("sk-proj-" if piece == "sk-proj-" else "[key hidden]") + "~", piece


def test_what_all_keys_of_a_provider_begin_with_is_no_secret() -> None:
    learn(KEY)
    assert mask("keys begin with sk-proj- there") == "keys begin with sk-proj- there"


def test_userinfo_and_secret_parameters_of_any_url_are_hidden() -> None:
    assert mask("at https://who:ever@host:1/x?y=1") == "at https://[key hidden]@host:1/x?y=1"
    assert mask("https://h/f.png?sig=abc123def&X-Amz-Signature=0123456&max_tokens=1000000") == (
        "https://h/f.png?sig=[key hidden]&X-Amz-Signature=[key hidden]&max_tokens=1000000"
    )


def test_basic_authorization_is_known_with_the_user_and_the_password() -> None:
    learn_url("http://u:p%20w@host/")
    assert mask(f"sent Basic {base64.b64encode(b'u:p w').decode()}") == "sent Basic " + base64.b64encode(b"u:p w").decode()
    learn_url("http://user1:pass-w0rd-x@host/")
    sent = base64.b64encode(b"user1:pass-w0rd-x").decode()
    assert leaked(sent, mask(f"sent Basic {sent}")) == []


def test_a_variable_that_holds_a_key_is_read_when_a_text_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", KEY)
    monkeypatch.setenv("MY_OPENAI", KEY[::-1])
    assert mask(f"{KEY} {KEY[::-1]}") == f"[key hidden] {KEY[::-1]}"
    learn_variable("MY_OPENAI")
    assert mask(f"{KEY} {KEY[::-1]}") == "[key hidden] [key hidden]"
    monkeypatch.setenv("SOME_API_KEY", "another-key-5551")
    assert mask("another-key-5551") == "[key hidden]"


def test_proxies_and_database_urls_of_the_environment_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxyuser:proxy-pass-1@proxy:8080")
    monkeypatch.setenv("TENSORZERO_CLICKHOUSE_URL", "http://chuser:house-pass-1@db:8123/x")
    assert mask("proxyuser, proxy-pass-1; chuser, house-pass-1") == ("[key hidden], [key hidden]; [key hidden], [key hidden]")


def test_only_headers_that_carry_secrets_are_known() -> None:
    learn_header("content-type", "application/json-of-mine")
    learn_header("x-request-id", "request-1234567890")
    learn_header("X-Goog-Api-Key", "goog-abcdefghij")
    learn_header("whatever", "Bearer bear-5550005550")
    assert mask("application/json-of-mine request-1234567890") == "application/json-of-mine request-1234567890"
    assert mask("goog-abcdefghij bear-5550005550") == "[key hidden] [key hidden]"


@pytest.mark.parametrize("written", ["sk-real-key-12345678", "env:sk-real-key-12345678", "env::sk-real-key-12345678"])
def test_a_key_in_place_of_its_location_is_recognised(written: str) -> None:
    learn_location(written)
    assert leaked("real-key-12345678", mask(f"`{written}` is no location")) == []


@pytest.mark.parametrize(
    "written", ["env::OPENAI_API_KEY", "dynamic::my_key_2", "path::/home/me/keys/openai.txt", "sdk", "none"]
)
def test_a_location_is_no_key(written: str) -> None:
    learn_location(written)
    assert mask(f"`{written}` is missing") == f"`{written}` is missing"


def test_names_of_models_do_not_look_like_keys() -> None:
    names = ("gpt-4o-mini-2024-07-18", "claude-3-5-sonnet-20241022", "ft:gpt-4o:org::BkT1x2Yz", "llama3.1:70b-instruct-q4_K_M")
    assert [name for name in names if looks_like_key(name)] == []
    learn_written("model `gpt-4o-mini-2024-07-18` of `sk-or-v1-0123456789ab` is unknown")
    assert mask("gpt-4o-mini-2024-07-18 sk-or-v1-0123456789ab") == "gpt-4o-mini-2024-07-18 [key hidden]"


def test_a_broken_line_of_a_configuration_hides_what_its_name_calls_secret() -> None:
    learn_line('api_key_location = "my-hidden-thing')
    learn_line('api_base = "http://me:pass-w0rd-1@host/v1')
    learn_line('model_name = "gpt-4o-mini')
    assert mask("my-hidden-thing pass-w0rd-1 gpt-4o-mini") == "[key hidden] [key hidden] gpt-4o-mini"


def test_what_is_known_is_bounded_and_a_key_in_use_stays() -> None:
    for number in range(3 * known.CAPACITY):
        learn(f"key-{number:08}-Xy")
        learn(KEY)
    assert len(known._pieces) == known.CAPACITY
    assert mask(KEY) == "[key hidden]"
    assert repr(known._pieces) == f"<{known.CAPACITY} secrets>"


def test_the_index_forgets_what_is_no_longer_known() -> None:
    from tensorzero.masking import mask as module

    for number in range(4 * known.CAPACITY):
        learn(f"key-{number:08}-Xy")
        if number % 100 == 0:
            mask("anything")
    assert len(module._index.held) <= 4 * known.CAPACITY + 100


def random_text(size: int) -> str:
    generator = random.Random(1)
    words = ["error", "message", "invalid_request", "model", "the", "quick", '"', "{", "},", "tokens", "\\n"]
    return " ".join(generator.choices(words, k=size // 5))[:size]


def seconds(text: str) -> float:
    started = time.process_time()
    mask(text)
    return time.process_time() - started


@pytest.mark.parametrize("kind", ["json", "repeated piece", "almost", "percent", "base64"])
def test_time_grows_with_the_text_and_not_with_the_keys(kind: str) -> None:
    """Ten times the text takes about ten times as long, whatever it is made of; 20 keys of 164 characters are known."""
    generator = random.Random(2)
    for _ in range(20):
        learn("sk-proj-" + "".join(generator.choices(string.ascii_letters + string.digits, k=156)))
    learn("a" * 40)
    made = {
        "json": random_text,
        "repeated piece": lambda size: "sk-proj-" * (size // 8),
        "almost": lambda size: "aaaaaaab" * (size // 8),
        "percent": lambda size: "%41%20" * (size // 6),
        "base64": lambda size: "QUJD" * (size // 4),
    }[kind]
    mask("warm")
    small, large = made(300_000), made(3_000_000)
    once = min(seconds(small) for _ in range(3))
    assert seconds(large) < 30 * once + 0.1
    assert once < 1


def test_a_text_without_a_secret_is_the_same_object() -> None:
    learn(KEY)
    text = random_text(5000)
    assert mask(text) is text


def test_an_index_takes_every_length() -> None:
    index = Index()
    for length in range(8, 40):
        index.add(KEY[:length] if length <= len(KEY) else KEY * 2)
    assert list(index.spans(f"..{KEY}..")) == [(2, 2 + len(KEY))]
