"""Variants are added, removed and compared; the rest of the file stays as it is, and a mistake writes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tensorzero.command import CommandError, add_function, add_variant, diff_variants, remove_variant
from tensorzero.gateway.config.loading import load_config

TOML = """# ours
[functions.draft]   # what it is for
type = "chat"

# the first
[functions.draft.variants.a]
type = "chat_completion"
model = "dummy::good"   # keep
# temperature = 1

# what we count
[metrics.ok]
type = "boolean"
level = "inference"
optimize = "max"
"""


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


ConfigDir = Callable[..., Path]


def test_a_variant_stands_behind_the_others_and_every_other_byte_stays(config_dir: ConfigDir) -> None:
    path = config_dir(TOML)
    settings = {"temperature": 0.3, "max_tokens": 100, "stop_sequences": ["a", 'b"'], "weight": 1.0}
    change = add_variant(
        "draft",
        "b",
        model="dummy::json",
        templates={"system_template": "Write a haiku.\n"},
        settings=settings,
        config=str(path),
    )
    assert everything(path.parent) == {"tensorzero.toml": TOML.encode()}
    change.write()
    block = """[functions.draft.variants.b]
type = "chat_completion"
model = "dummy::json"
system_template = "functions/draft/b/system_template.minijinja"
temperature = 0.3
max_tokens = 100
stop_sequences = ["a", "b\\""]
weight = 1.0

"""
    assert path.read_text() == TOML.replace("# what we count", block + "# what we count")
    assert (path.parent / "functions/draft/b/system_template.minijinja").read_text() == "Write a haiku.\n"
    variant = load_config(str(path)).functions["draft"].variants["b"]
    assert (variant.model, variant.max_tokens, variant.stop_sequences) == ("dummy::json", 100, ("a", 'b"'))


A = """type = "chat_completion"
model = "dummy::good"
"""
OVER_LINES = f"""[functions.draft]
type = "chat"
description = '''
[functions.draft.variants.b]
'''

[functions.draft.variants.a]
{A}stop_sequences = [
  ']', # ]
  \"\"\"
[x]\"\"\",
]
"""
INLINE = """[functions.draft]
type = 'chat'
[functions.draft.variants]
# one
a = { type = 'chat_completion', model = 'dummy::good' } # a
"""
ANOTHER = """
[functions.zed]
type = 'chat'
variants.x = { type = 'chat_completion', model = 'dummy::good' }
"""


@pytest.mark.parametrize(
    "toml",
    [
        TOML,
        TOML.replace("\n", "\r\n"),
        TOML.replace("[functions.draft.variants.a]", "[ functions . \"draft\" . variants.'a' ]"),
        TOML + ANOTHER,
        INLINE,
        OVER_LINES,
    ],
    ids=["headers", "crlf", "quoted", "another function", "inline", "strings over lines"],
)
def test_adding_and_removing_leaves_the_file_as_it_was(config_dir: ConfigDir, toml: str) -> None:
    path = config_dir("")
    path.write_bytes(toml.encode())
    add_variant("draft", "b", model="dummy::good", templates={"user_template": "{{ user_text }}"}, config=str(path)).write()
    assert set(load_config(str(path)).functions["draft"].variants) == {"a", "b"}
    remove_variant("draft", "b", files=True, config=str(path)).write()
    assert everything(path.parent) == {"tensorzero.toml": toml.encode()}
    assert not (path.parent / "functions").exists()


def test_a_function_inside_one_inline_table_is_edited_there(config_dir: ConfigDir) -> None:
    toml = """# all of it
functions = { draft = { type = "chat", variants = { a = { type = "chat_completion", model = "dummy::good" } } } } # here
"""
    path = config_dir(toml)
    add_variant("draft", "b", model="dummy::json", config=str(path)).write()
    text = path.read_text()
    assert text.startswith("# all of it\nfunctions = { draft")
    assert text.endswith("} # here\n")
    assert load_config(str(path)).functions["draft"].variants["b"].model == "dummy::json"
    remove_variant("draft", "b", config=str(path)).write()
    assert set(load_config(str(path)).functions["draft"].variants) == {"a"}


def test_dotted_keys_are_followed_by_a_table(config_dir: ConfigDir) -> None:
    toml = """[functions.draft]
variants.a.type = "chat_completion"
variants.a.model = "dummy::good"
type = "chat"
"""
    path = config_dir(toml)
    add_variant("draft", "b", model="dummy::good", config=str(path)).write()
    assert path.read_text().startswith(toml)
    assert set(load_config(str(path)).functions["draft"].variants) == {"a", "b"}
    remove_variant("draft", "a", config=str(path)).write()
    assert path.read_text().startswith('[functions.draft]\ntype = "chat"\n\n[functions.draft.variants.b]\n')


@pytest.mark.parametrize(
    "toml", ["functions = 1\n", "functions = { draft = 1 }\n", "[functions.draft]\nvariants = 1\n", "[[functions]]\n"]
)
def test_a_configuration_of_other_shapes_is_refused(config_dir: ConfigDir, toml: str) -> None:
    path = config_dir(toml)
    for change in (
        lambda: add_variant("draft", "b", model="dummy::good", config=str(path)),
        lambda: remove_variant("draft", "b", config=str(path)),
        lambda: diff_variants("draft", "a", "b", config=str(path)),
        lambda: add_function("draft", model="dummy::good", config=str(path)),
    ):
        with pytest.raises(CommandError):
            change()
    assert path.read_text() == toml


def test_a_mistake_lists_everything_and_writes_nothing(config_dir: ConfigDir) -> None:
    path = config_dir(TOML)
    with pytest.raises(CommandError) as caught:
        add_variant(
            "draft",
            "b",
            model="nowhere",
            templates={"system_template": "{{ bad"},
            settings={"json_mode": "on", "temperature": "warm"},
            config=str(path),
        )
    with pytest.raises(CommandError) as two:
        add_variant("draft", "b", model="nowhere", settings={"json_mode": "on"}, config=str(path))
    assert len(two.value.mistakes) == 2
    assert "temperature" in str(caught.value)
    assert everything(path.parent) == {"tensorzero.toml": TOML.encode()}


def test_messages_name_the_files_as_they_will_be(config_dir: ConfigDir) -> None:
    path = config_dir(TOML)
    with pytest.raises(CommandError) as caught:
        add_variant("draft", "b", model="dummy::good", templates={"system_template": "{{ bad"}, config=str(path))
    assert "functions/draft/b/system_template.minijinja" in str(caught.value)
    assert ".check" not in str(caught.value)


@pytest.mark.parametrize(
    ("function", "variant", "message"),
    [("drafts", "b", "did you mean `draft`?"), ("draft", "a", "has a variant named `a` already")],
)
def test_names_are_checked(config_dir: ConfigDir, function: str, variant: str, message: str) -> None:
    with pytest.raises(CommandError, match=message.replace("?", r"\?")):
        add_variant(function, variant, model="dummy::good", config=str(config_dir(TOML)))


def test_a_file_beside_the_configuration_is_named_where_it_is_and_another_is_copied(
    config_dir: ConfigDir, tmp_path: Path
) -> None:
    path = config_dir(TOML, {"prompts/ours.minijinja": "Ours."})
    outside = tmp_path / "outside.txt"
    outside.write_text("Outside.")
    templates = {"system_template": path.parent / "prompts/ours.minijinja", "user_template": outside}
    add_variant("draft", "b", model="dummy::good", templates=templates, config=str(path)).write()
    assert 'system_template = "prompts/ours.minijinja"' in path.read_text()
    assert (path.parent / "functions/draft/b/user_template.minijinja").read_text() == "Outside."


def test_a_template_file_that_says_something_else_is_not_written_over(config_dir: ConfigDir) -> None:
    path = config_dir(TOML, {"functions/draft/b/system_template.minijinja": "mine"})
    with pytest.raises(CommandError, match="is there already"):
        add_variant("draft", "b", model="dummy::good", templates={"system_template": "other"}, config=str(path))


def test_names_never_lead_out_of_the_folder(config_dir: ConfigDir) -> None:
    path = config_dir(TOML)
    change = add_variant("draft", "../../x", model="dummy::good", templates={"system_template": "t"}, config=str(path))
    assert all(file.is_relative_to(path.parent) for file in change.texts)
    change.write()
    assert "../../x" in load_config(str(path)).functions["draft"].variants


SHARED = (
    TOML
    + """
[functions.draft.variants.b]
type = "chat_completion"
model = "dummy::good"
system_template = "shared.minijinja"
user_template = "own.minijinja"

[[functions.draft.variants.b.extra_headers]]
name = "x"
value = "y"

# stays
[functions.other]
type = "chat"
[functions.other.variants.o]
type = "chat_completion"
model = "dummy::good"
system_template = "shared.minijinja"
"""
)
FILES = {"shared.minijinja": "Shared.", "own.minijinja": "{{ user_text }}"}


def test_only_files_that_nothing_else_names_are_removed_and_only_when_asked(config_dir: ConfigDir) -> None:
    path = config_dir(SHARED, FILES)
    change = remove_variant("draft", "b", config=str(path))
    assert [file.name for file in change.unused] == ["own.minijinja"]
    change = remove_variant("draft", "b", files=True, config=str(path))
    change.write()
    assert set(everything(path.parent)) == {"tensorzero.toml", "shared.minijinja"}
    start, end = SHARED.index("\n[functions.draft.variants.b]"), SHARED.index("\n# stays")
    assert path.read_text() == SHARED[:start] + SHARED[end:]


def test_a_file_outside_the_folder_is_never_removed(config_dir: ConfigDir) -> None:
    path = config_dir(SHARED.replace("own.minijinja", "../own.minijinja"), FILES)
    (path.parent.parent / "own.minijinja").write_text("{{ user_text }}")
    change = remove_variant("draft", "b", files=True, config=str(path))
    assert change.removed == ()


def test_a_variant_that_an_experiment_names_stays(config_dir: ConfigDir) -> None:
    toml = SHARED + '\n[functions.draft.experimentation]\ntype = "static_weights"\ncandidate_variants = { b = 1.0 }\n'
    path = config_dir(toml, FILES)
    with pytest.raises(CommandError, match="b"):
        remove_variant("draft", "b", config=str(path))
    assert path.read_text() == toml


def test_removing_mends_a_configuration_that_the_variant_breaks(config_dir: ConfigDir) -> None:
    path = config_dir(SHARED.replace('user_template = "own', 'temperature = "warm"\nuser_template = "gone'), FILES)
    remove_variant("draft", "b", config=str(path)).write()
    assert set(load_config(str(path)).functions["draft"].variants) == {"a"}


def test_the_file_that_holds_the_function_is_the_one_that_changes(config_dir: ConfigDir) -> None:
    path = config_dir(
        '[metrics.m]\ntype = "boolean"\nlevel = "inference"\noptimize = "max"\n', {"functions.toml": SHARED, **FILES}
    )
    glob = str(path.parent / "*.toml")
    change = add_variant("other", "p", model="dummy::good", templates={"system_template": "x"}, config=glob)
    assert [file.name for file in change.texts] == ["system_template.minijinja", "functions.toml"]
    change.write()
    assert set(load_config(glob).functions["other"].variants) == {"o", "p"}


def test_a_link_to_the_configuration_stays_a_link(config_dir: ConfigDir) -> None:
    path = config_dir(TOML)
    real = path.rename(path.parent / "real.toml")
    real.chmod(0o640)
    path.symlink_to(real)
    add_variant("draft", "b", model="dummy::good", config=str(path)).write()
    assert path.is_symlink()
    assert "variants.b" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_file_that_changed_meanwhile_is_left_alone(config_dir: ConfigDir) -> None:
    path = config_dir(TOML)
    change = add_variant("draft", "b", model="dummy::good", templates={"system_template": "x"}, config=str(path))
    path.write_text(TOML + "# edited\n")
    with pytest.raises(CommandError, match="changed meanwhile"):
        change.write()
    assert everything(path.parent) == {"tensorzero.toml": (TOML + "# edited\n").encode()}


def test_a_configuration_that_cannot_be_replaced_takes_the_template_with_it(
    config_dir: ConfigDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config_dir(TOML)
    change = add_variant("draft", "b", model="dummy::good", templates={"system_template": "x"}, config=str(path))
    synced = os.fsync
    calls: list[int] = []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(28, "No space left on device", str(path))
        synced(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CommandError, match="No space left"):
        change.write()
    assert everything(path.parent) == {"tensorzero.toml": TOML.encode()}
    assert not (path.parent / "functions").exists()


def test_a_difference_shows_settings_and_texts(config_dir: ConfigDir) -> None:
    path = config_dir(SHARED, FILES)
    shown = diff_variants("draft", "a", "b", config=str(path))
    assert '+system_template = "shared.minijinja"' in shown
    assert '+extra_headers.0.name = "x"' in shown
    assert "+Shared.\n\\ No newline at end of file\n" in shown
    assert diff_variants("draft", "b", "b", config=str(path)) == ""


MORE = """
[functions.more]
type = "chat"
variants.a = { type = "chat_completion", model = "m" }
"""
MODELS = """
[models.m]
routing = ["m"]
providers.m = { type = "dummy", model_name = "good" }
"""


@pytest.mark.parametrize("name", ["[x]", "a, b", "{y}"])
@pytest.mark.parametrize("config", ["tensorzero.toml", "*.toml"])
def test_the_folder_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, config: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "tensorzero.toml").write_text(TOML)
    if config == "*.toml":
        (folder / "more.toml").write_text(MORE)
        (folder / "models.toml").write_text(MODELS)
    monkeypatch.chdir(folder)
    add_variant("draft", "b", model="dummy::json", config=config).write()
    remove_variant("draft", "a", config=config).write()
    assert "[functions.draft.variants.b]" in (folder / "tensorzero.toml").read_text()
    assert "[functions.draft.variants.a]" not in (folder / "tensorzero.toml").read_text()
