"""Another text under a variant's name is another version: said aloud, and told apart in frames."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tensorzero_notebook import inferences, variant_versions
from tensorzero_notebook.frames.versions import MixedVersions
from tensorzero_notebook.prompt_cell import PromptOptions
from tensorzero_notebook.session import Session, set_session, start_session
from tensorzero_notebook.variant_cell import make_variant, parse_variant_line

pytestmark = pytest.mark.slow

CONFIG = """
[functions.draft]
type = "chat"
[functions.draft.variants.short]
type = "chat_completion"
model = "dummy::good"
temperature = 0.5
templates.system.path = "short.minijinja"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def session(folder: Path) -> Iterator[Session]:
    """On `CONFIG`."""
    (folder / "tensorzero.toml").write_text(CONFIG)
    (folder / "short.minijinja").write_text("Be brief.\nAlways.\n")
    yield from opened()


@pytest.fixture
def bare(folder: Path) -> Iterator[Session]:
    """In an empty folder."""
    yield from opened()


def opened() -> Iterator[Session]:
    session = start_session()
    lines: list[str] = []
    session.say = lines.append
    session.namespace["said"] = lines
    yield session
    session.close()
    set_session(None)


def said(session: Session) -> str:
    lines = session.namespace["said"]
    told = "\n".join(lines)
    lines.clear()
    return told


def ask(session: Session, times: int = 1, variant: str = "short") -> None:
    request = session.request(PromptOptions(function="draft", variant=variant), "hi")
    for _ in range(times):
        session.client.inference(**request)


def change(folder: Path, name: str, text: str) -> None:
    """Written with another size, or another time, than before."""
    (folder / name).write_text(text)


def test_a_variant_whose_text_changed_is_said_aloud_with_the_difference(session: Session, folder: Path) -> None:
    ask(session, 3)
    change(folder, "short.minijinja", "Be very brief.\nAlways.\n")
    session.refresh()
    told = said(session)
    first = variant_versions("draft")["version"][0]
    assert f"draft.short is another text under the same name: 3 answers so far of version {first}, version" in told
    assert "-    Be brief." in told
    assert "+    Be very brief." in told
    assert "Always." not in told


def test_frames_tell_versions_apart_and_warn_where_they_mix(session: Session, folder: Path) -> None:
    ask(session, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(inferences("draft")) == 3
    change(folder, "short.minijinja", "Be very brief.\n")
    ask(session, 2)
    change(folder, "tensorzero.toml", CONFIG.replace("0.5", "0.75"))
    ask(session, 1)
    change(folder, "tensorzero.toml", CONFIG.replace("model =", "weight = 1.0\nmodel ="))
    ask(session, 1)
    frame = inferences("draft", columns=["inference_id", "variant_version"])
    assert list(frame.columns) == ["inference_id", "variant_version"]
    listed = variant_versions("draft", "short")
    assert listed["rows"].tolist() == [3, 3, 1]  # a weight is no text: those two rows are of the second version
    versions = listed["version"].tolist()
    assert frame["variant_version"].tolist() == [versions[1], versions[2], versions[1], versions[1], *[versions[0]] * 3]
    assert len(set(versions)) == 3
    assert "Be very brief." in listed["text"][1]
    assert (listed["first"] <= listed["last"]).all()
    with pytest.warns(MixedVersions, match=f"draft.short answered with several texts: 3 of version {versions[0]}, 3 of"):
        inferences("draft")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inferences("draft", ids=list(frame["inference_id"])[-3:])  # of one version


def test_a_variant_cell_with_another_text_says_what_was_there(bare: Session, folder: Path) -> None:
    options = parse_variant_line("draft short --model dummy::good", None)
    make_variant(bare, options, "Be brief.")
    assert said(bare) == ""
    ask(bare, 2)
    make_variant(bare, options, "Be brief.")
    assert said(bare) == ""  # the same text
    make_variant(bare, options, "Be kind.")
    told = said(bare)
    assert "draft.short is another text under the same name: 2 answers so far" in told
    assert "+    Be kind." in told
    ask(bare, 1)
    make_variant(bare, options, "Be brief.")
    assert "which has 2 already" in said(bare)
    ask(bare, 1)
    assert sorted(variant_versions("draft")["rows"]) == [1, 3]


def test_a_key_in_a_variant_is_not_said(session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-0123456789abcdef")
    change(folder, "short.minijinja", "Key sk-made-up-0123456789abcdef \x1b[1m.")
    session.refresh()
    told = said(session)
    assert "another text" in told
    assert "sk-made-up" not in told
    assert "\x1b" not in told


def test_a_configuration_that_appears_is_used_and_says_what_it_takes_away(bare: Session, folder: Path) -> None:
    assert [metric.name for metric in bare.metrics()] == ["thumbs_up", "rating"]
    change(folder, "short.minijinja", "Be brief.")
    change(folder, "tensorzero.toml", CONFIG + "mistake")
    bare.refresh()
    assert "with mistakes" in said(bare)
    assert [metric.name for metric in bare.metrics()] == ["thumbs_up", "rating"]
    change(folder, "tensorzero.toml", CONFIG)
    bare.refresh()
    told = said(bare)
    assert bare.functions() == ["draft"]
    assert "👍 and 👎 are gone. These lines bring them back:" in told
    block = told.partition("bring them back:\n\n")[2]
    change(folder, "tensorzero.toml", CONFIG + block)
    bare.refresh()
    assert [metric.name for metric in bare.metrics()] == ["thumbs_up", "rating"]
    assert "are gone" not in said(bare)


def test_a_configuration_with_thumbs_of_its_own_says_nothing_of_them(bare: Session, folder: Path) -> None:
    change(folder, "short.minijinja", "Be brief.")
    metric = '[metrics.thumbs_up]\ntype = "boolean"\nlevel = "episode"\noptimize = "max"\n'
    change(folder, "tensorzero.toml", CONFIG + metric)
    bare.refresh()
    assert "tensorzero.toml changed: loaded." in said(bare)
    assert [metric.level for metric in bare.metrics()] == ["episode"]
