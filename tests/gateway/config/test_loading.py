from __future__ import annotations

import time
from pathlib import Path

import pytest

from tensorzero.gateway.config.loading import load_config
from tensorzero.gateway.config.sections import ChatCompletionConfig, Config, CredentialLocation
from tensorzero.gateway.config.watching import changed_since, take_stamps
from tensorzero.gateway.errors import ConfigError

MODEL = '[models.good]\nrouting = ["p"]\nproviders.p = { type = "dummy", model_name = "good" }\n'
FUNCTION = '[functions.f]\ntype = "chat"\n'


def load(folder: Path, text: str, **files: str) -> Config:
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    (folder / "tensorzero.toml").write_text(text)
    return load_config(str(folder / "tensorzero.toml"))


def variant(name: str, more: str = "", model: str = "good") -> str:
    return f'[functions.f.variants.{name}]\ntype = "chat_completion"\nmodel = "{model}"\n{more}\n'


def messages(folder: Path, text: str, **files: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **files)
    return [mistake.message for mistake in caught.value.mistakes]


def test_no_file_gives_an_empty_configuration() -> None:
    config = load_config(None)
    assert (dict(config.models), dict(config.functions), dict(config.metrics), config.files) == ({}, {}, {}, ())
    assert config.snapshot.hash == 68068401095392110773986177796263696988551395109673961169685245225367596347794


def test_every_mistake_is_reported_at_once_with_its_place_and_the_nearest_name(tmp_path: Path) -> None:
    text = (
        MODEL
        + '[metrics.a]\ntype = "bolean"\noptimize = "max"\nlevel = "inference"\n'
        + FUNCTION
        + 'tools = ["hammer"]\n'
        + variant("v", "temprature = 1.0", "good")
        + variant("w", "", "goood")
        + '[tools.hamer]\ndescription = "d"\nparameters = "nowhere.json"\n'
    )
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    found = {(m.key_path, m.nearest, m.line) for m in caught.value.mistakes}
    assert found == {
        ("tools.hamer.parameters", None, 21),
        ("metrics.a.type", "boolean", 5),
        ("functions.f.variants.v.temprature", "temperature", 14),
        ("functions.f.variants.w.model", "good", 17),
        ("functions.f.tools", "hamer", 10),
    }
    assert {m.file for m in caught.value.mistakes} == {str(tmp_path / "tensorzero.toml")}
    assert "did you mean `temperature`?" in caught.value.message


def test_what_hangs_on_a_broken_part_is_not_called_missing(tmp_path: Path) -> None:
    text = (
        '[models.good]\nrouting = ["p"]\nproviders.p = { type = "dummy" }\n' + FUNCTION + variant("v", "zz = 1") + variant("w")
    )
    text += '[functions.f.experimentation]\ntype = "static"\ncandidate_variants = ["v", "w"]\n'
    assert messages(tmp_path, text)[:1] == ["models.good.providers.p: missing field `model_name`"]
    assert len(messages(tmp_path, text)) == 2


def test_a_missing_key_does_not_stop_loading(tmp_path: Path) -> None:
    text = '[models.m]\nrouting = ["p"]\n[models.m.providers.p]\ntype = "openai"\nmodel_name = "x"\n'
    config = load(tmp_path, text + 'api_key_location = "env::NOT_SET_ANYWHERE"\n')
    assert config.models["m"].providers["p"].credential == CredentialLocation("env", "NOT_SET_ANYWHERE")


def test_provider_type_defaults_locate_the_keys_of_providers_that_say_nothing(tmp_path: Path) -> None:
    text = '[provider_types.openai.defaults]\napi_key_location = "dynamic::mine"\n[models.m]\nrouting = ["p"]\n'
    config = load(tmp_path, text + 'providers.p = { type = "openai", model_name = "x" }\n')
    assert config.models["m"].providers["p"].credential == CredentialLocation("dynamic", "mine")
    assert config.provider_defaults["openai"] == CredentialLocation("dynamic", "mine")


def test_shorthand_models_are_valid_names(tmp_path: Path) -> None:
    config = load(tmp_path, FUNCTION + variant("v", "", "openai::gpt-4o-mini") + variant("w", "", "dummy::good"))
    assert set(config.functions["f"].variants) == {"v", "w"}


def test_weights_choose_and_variants_without_are_fallbacks(tmp_path: Path) -> None:
    text = MODEL + FUNCTION + variant("a", "weight = 2") + variant("b", "weight = 0") + variant("c")
    choice = load(tmp_path, text).functions["f"].experimentation
    assert (choice.type, dict(choice.weights), choice.fallbacks) == ("static", {"a": 2.0}, ("c",))


def test_without_weights_the_choice_is_uniform(tmp_path: Path) -> None:
    assert load(tmp_path, MODEL + FUNCTION + variant("a") + variant("b")).functions["f"].experimentation.type == "uniform"


def test_static_candidates_and_namespaces(tmp_path: Path) -> None:
    text = MODEL + FUNCTION + variant("a") + variant("b") + '[functions.f.experimentation]\ntype = "static"\n'
    text += 'candidate_variants = ["a"]\nfallback_variants = ["b"]\n'
    text += '[functions.f.experimentation.namespaces.n]\ntype = "static"\ncandidate_variants = { b = 3 }\n'
    choice = load(tmp_path, text).functions["f"].experimentation
    assert (dict(choice.weights), choice.fallbacks) == ({"a": 1.0}, ("b",))
    assert dict(choice.namespaces["n"].weights) == {"b": 3.0}


@pytest.mark.parametrize("chain", [("v",), ("v", "w"), ("v", "w", "x")])
def test_a_variant_that_is_its_own_candidate_is_a_mistake(tmp_path: Path, chain: tuple[str, ...]) -> None:
    sampled = "".join(
        f'[functions.f.variants.{name}]\ntype = "experimental_best_of_n_sampling"\ncandidates = ["{then}"]\n'
        'evaluator = { model = "good" }\n'
        for name, then in zip(chain, (*chain[1:], chain[0]), strict=True)
    )
    (message,) = messages(tmp_path, MODEL + FUNCTION + sampled)
    assert message == f"`functions.f.variants.v`: a variant cannot be its own candidate: {' -> '.join((*chain, 'v'))}"


def test_timeout_s_becomes_the_timeouts_of_the_candidates(tmp_path: Path) -> None:
    sampled = '[functions.f.variants.best]\ntype = "experimental_best_of_n_sampling"\ncandidates = ["v"]\ntimeout_s = 1.5\n'
    text = MODEL + FUNCTION + variant("v") + sampled + 'evaluator = { model = "good" }\n'
    assert load(tmp_path, text).functions["f"].variants["v"].timeouts.non_streaming_total_ms == 1500
    own = MODEL + FUNCTION + variant("v", "timeouts.streaming.ttft_ms = 5") + sampled + 'evaluator = { model = "good" }\n'
    (message,) = messages(tmp_path, own)
    assert message.startswith("functions.f.variants.best: cannot use `timeout_s` when candidate `v` already has `[timeouts]`")


def test_templates_render_under_names_without_the_shared_folder(tmp_path: Path) -> None:
    (tmp_path / "prompts" / "a").mkdir(parents=True)
    (tmp_path / "prompts" / "b").mkdir()
    (tmp_path / "prompts" / "a" / "s.minijinja").write_text("You are {{ system_text }}.")
    (tmp_path / "prompts" / "b" / "u.minijinja").write_text("Hello {{ name }}")
    more = 'system_template = "prompts/a/s.minijinja"\ntemplates.greet.path = "prompts/b/u.minijinja"'
    config = load(tmp_path, MODEL + FUNCTION + variant("v", more))
    chat = config.functions["f"].variants["v"]
    assert isinstance(chat, ChatCompletionConfig)
    assert {key: template.name for key, template in chat.templates.items()} == {
        "system": "a/s.minijinja",
        "greet": "b/u.minijinja",
    }
    assert chat.templates["system"].legacy
    assert not chat.templates["greet"].legacy
    assert config.templates.render("b/u.minijinja", {"name": "Ada"}) == "Hello Ada"
    assert str(tmp_path / "prompts" / "a" / "s.minijinja") in config.files


def test_included_templates_are_read_with_filesystem_access(tmp_path: Path) -> None:
    text = (
        '[gateway]\ntemplate_filesystem_access.base_path = "."\n' + MODEL + FUNCTION + variant("v", 'templates.t.path = "t.j"')
    )
    config = load(tmp_path, text, t__j="{% include 'u.j' %}!", u__j="inner")
    assert config.templates.render("t.j", {}) == "inner!"
    assert dict(config.snapshot.extra_templates) == {"u.j": "inner"}
    assert str(tmp_path / "u.j") in config.files


def test_evaluators_make_metrics(tmp_path: Path) -> None:
    text = MODEL + FUNCTION + variant("v") + '[functions.f.evaluators.same]\ntype = "exact_match"\n'
    text += '[evaluations.n]\ntype = "inference"\nfunction_name = "f"\n[evaluations.n.evaluators.j]\ntype = "llm_judge"\n'
    text += 'output_type = "float"\noptimize = "min"\nvariants = {}\n'
    metrics = load(tmp_path, text).metrics
    same, judge = (
        metrics["tensorzero::function_name::f::evaluator_name::same"],
        metrics["tensorzero::evaluation_name::n::evaluator_name::j"],
    )
    assert (same.type, same.optimize, same.level) == ("boolean", "max", "inference")
    assert (judge.type, judge.optimize, judge.level) == ("float", "min", "inference")


def test_what_has_no_meaning_here_is_said_in_a_sentence(tmp_path: Path) -> None:
    text = '[gateway]\nrelay.gateway_url = "http://127.0.0.1:1"\n[postgres]\n[autopilot]\n[rate_limiting]\nbackend = "valkey"\n'
    warnings = load(tmp_path, text).warnings
    assert [sentence.split("`")[1] for sentence in warnings] == [
        "[gateway.relay]",
        "[autopilot]",
        "[postgres]",
        "rate_limiting.backend",
    ]


def test_rate_limiting_rules_need_no_backend(tmp_path: Path) -> None:
    config = load(tmp_path, "[[rate_limiting.rules]]\ntokens_per_minute = 5\nalways = true\n")
    (rule,) = config.other["rate_limiting"]["rules"]
    assert rule["limits"] == [{"resource": "token", "interval": "minute", "capacity": 5, "refill_rate": 5}]


def test_a_list_of_values_in_order_is_a_model(tmp_path: Path) -> None:
    config = load(tmp_path, 'models.m = [["p"], { p = { type = "openai", model_name = "x" } }]\n')
    assert config.models["m"].routing == ("p",)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("http://h", "http://h/"), ("HTTP://H.com:80", "http://h.com/"), ("https://h:443/v1", "https://h/v1"),
        ("https://h:80/", "https://h:80/"), ("http://h/a b", "http://h/a%20b"), ("http://h/é", "http://h/%C3%A9"),
        ("http://h/a/../b/./c", "http://h/b/c"), ("http://h/a/..", "http://h/"), ("http://h/a%20b//c/", "http://h/a%20b//c/"),
        ("http://h?x=1", "http://h/?x=1"),
    ],
)  # fmt: skip
def test_an_address_is_kept_as_the_original_normalises_it(tmp_path: Path, written: str, kept: str) -> None:
    text = '[models.m]\nrouting = ["p"]\nproviders.p = { type = "openai", model_name = "x", api_base = "' + written + '" }\n'
    assert load(tmp_path, text).models["m"].providers["p"].settings["api_base"] == kept


def test_a_date_is_a_text_wherever_one_is_read(tmp_path: Path) -> None:
    text = MODEL + FUNCTION + "description = 2020-01-02T03:04:05.600000Z\n" + variant("v")
    assert load(tmp_path, text).functions["f"].description == "2020-01-02T03:04:05.6Z"


def test_the_embedded_gateway_refuses_authentication(tmp_path: Path) -> None:
    (message,) = messages(tmp_path, "[gateway.auth]\nenabled = true\n")
    assert message.startswith("`[gateway.auth]` is not supported in embedded gateway mode.")


def test_a_file_that_is_not_utf8_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "tensorzero.toml").write_bytes(b'a = "\xff"\n')
    with pytest.raises(ConfigError, match="stream did not contain valid UTF-8"):
        load_config(str(tmp_path / "tensorzero.toml"))


def test_a_mistake_names_the_files_to_watch_until_it_is_gone(tmp_path: Path) -> None:
    more = 'templates.t.path = "broken.j"\ntemplates.u.path = "not_yet.j"'
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, MODEL + FUNCTION + variant("v", more), broken__j="{{")
    names = {Path(name).name for name in caught.value.files}
    assert names == {"tensorzero.toml", "broken.j", "not_yet.j"}
    stamps = take_stamps(str(tmp_path / "tensorzero.toml"), caught.value.files)
    (tmp_path / "not_yet.j").write_text("here")
    assert [Path(name).name for name in changed_since(stamps, None)] == ["not_yet.j"]


@pytest.mark.parametrize("text", [f"[metrics.{'a.' * 5000}b]\n", f"metrics = {'[' * 5000}{']' * 5000}\n"])
def test_a_configuration_nested_too_deeply_is_a_mistake(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path, text)


def test_changes_are_seen_in_every_file_and_in_new_ones(tmp_path: Path) -> None:
    pattern = str(tmp_path / "*.toml")
    (tmp_path / "a.toml").write_text(MODEL + FUNCTION + variant("v", 'templates.t.path = "t.j"'))
    (tmp_path / "t.j").write_text("one")
    stamps = take_stamps(pattern, load_config(pattern).files)
    assert changed_since(stamps, pattern) == []
    (tmp_path / "t.j").write_text("three")
    assert changed_since(stamps, pattern) == [str(tmp_path / "t.j")]
    stamps = take_stamps(pattern, load_config(pattern).files)
    (tmp_path / "b.toml").write_text("[metrics]\n")
    assert changed_since(stamps, pattern) == [str(tmp_path / "b.toml")]
    (tmp_path / "a.toml").unlink()
    assert changed_since(stamps, pattern) == [str(tmp_path / "a.toml"), str(tmp_path / "b.toml")]


def test_loading_a_configuration_of_fifty_variants_takes_little_time(tmp_path: Path) -> None:
    text = MODEL + FUNCTION + "".join(variant(f"v{i}", "temperature = 0.5") for i in range(50))
    load(tmp_path, text)
    start = time.thread_time()  # other programs may have the processor
    load(tmp_path, text)
    assert time.thread_time() - start < 0.5
