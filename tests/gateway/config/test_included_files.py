"""Nothing outside the folder that `gateway.template_filesystem_access.base_path` names is read into a prompt or a snapshot."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tensorzero import TensorZeroError, TensorZeroGateway
from tensorzero.clients.embedded_transport import config_of

ACCESS = '[gateway]\ntemplate_filesystem_access.base_path = "tpl"\n'
FUNCTION = """
[functions.f]
type = "chat"
variants.v = { type = "chat_completion", model = "dummy::echo", templates.user.path = "tpl/u.j" }
"""
USER = {"messages": [{"role": "user", "content": [{"type": "template", "name": "user", "arguments": {}}]}]}
OUTSIDE = [
    "{base}/secret.txt",
    "/{base}/secret.txt",
    "//{base}/secret.txt",
    "/etc/hostname",
    "../secret.txt",
    "sub/../../secret.txt",
    "..",
    "./in.j",
    ".hidden.j",
    "in.j/",
    "",
    "in.j\\0",
    "..\\\\secret.txt",
    "%2e%2e/secret.txt",
    "file://{base}/secret.txt",
    "out.j",
    "relative.j",
    "chain.j",
    "outdir/secret.txt",
    "outdir/deep/secret.txt",
    "sub/out.j",
    "loop.j",
    "nothing.j",
    "sub",
    "fifo.j",
]
TAGS = [
    '{{% include "{}" %}}',
    '{{% include "{}" ignore missing %}}',
    '{{% extends "{}" %}}',
    '{{% import "{}" as x %}}{{{{ x }}}}',
    '{{% from "{}" import secret %}}{{{{ secret }}}}',
    '{{% include "in.j" if false else "{}" %}}',
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    base = tmp_path / "config"
    templates = base / "tpl"
    (templates / "sub").mkdir(parents=True)
    (base / "deep").mkdir()
    for path in (base / "secret.txt", base / "deep" / "secret.txt"):
        path.write_text("{% macro secret() %}SECRET{% endmacro %}SECRET")
    (templates / "in.j").write_text("INSIDE")
    (templates / "sub" / "x.j").write_text("BELOW")
    (templates / ".hidden.j").write_text("HIDDEN SECRET")
    for link, target in {
        "out.j": str(base / "secret.txt"),
        "relative.j": "../secret.txt",
        "chain.j": "out.j",
        "outdir": str(base),
        "sub/out.j": "../../secret.txt",
        "loop.j": "loop.j",
        "inner.j": "in.j",
        "innerdir": "sub",
    }.items():
        (templates / link).symlink_to(target)
    if hasattr(os, "mkfifo"):
        os.mkfifo(templates / "fifo.j")
    return base


def prompt(folder: Path, build: Callable[..., TensorZeroGateway], template: str, access: str = ACCESS) -> tuple[str, str]:
    """What the model is sent, and the templates that a snapshot would hold."""
    (folder / "tpl" / "u.j").write_text(template)
    client = build(access + FUNCTION)
    kept = json.dumps(dict(config_of(client).snapshot.extra_templates))
    try:
        answer: Any = client.inference(function_name="f", input=USER)
    except TensorZeroError as error:
        return f"{error} {error.hint or 'without a hint'}".replace(str(folder), ""), kept
    return answer.content[0].text, kept


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_outside_the_folder_is_read(folder: Path, build: Callable[..., TensorZeroGateway], name: str, tag: str) -> None:
    sent, kept = prompt(folder, build, tag.format(name.replace("{base}", str(folder).lstrip("/"))))
    assert "SECRET" not in sent + kept
    assert "Could not load template" in sent
    assert "without a hint" not in sent


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("in.j", "INSIDE"),
        ("/in.j", "INSIDE"),
        ("//in.j", "INSIDE"),
        ("sub/x.j", "BELOW"),
        ("sub//x.j", "BELOW"),
        ("inner.j", "INSIDE"),
        ("innerdir/x.j", "BELOW"),
    ],
)
def test_what_is_inside_is_read_by_any_name_for_it(
    folder: Path, build: Callable[..., TensorZeroGateway], name: str, text: str
) -> None:
    sent, kept = prompt(folder, build, f'{{% include "{name}" %}}')
    assert text in sent
    assert text in kept


@pytest.mark.parametrize("base_path", ["link", ".", "tpl/", "./tpl/../tpl"])
def test_a_folder_may_be_a_link_itself(folder: Path, build: Callable[..., TensorZeroGateway], base_path: str) -> None:
    (folder / "link").symlink_to("tpl")
    name = "tpl/in.j" if base_path == "." else "in.j"
    access = f'[gateway]\ntemplate_filesystem_access.base_path = "{base_path}"\n'
    assert "INSIDE" in prompt(folder, build, f'{{% include "{name}" %}}', access)[0]
    assert "SECRET" not in prompt(folder, build, '{% include "out.j" %}', access)[0] or base_path == "."


def test_included_files_cannot_lead_out_either(folder: Path, build: Callable[..., TensorZeroGateway]) -> None:
    (folder / "tpl" / "first.j").write_text('{% include "sub/out.j" %}{% include "/etc/hostname" %}')
    sent, kept = prompt(folder, build, '{% include "first.j" %}')
    assert "SECRET" not in sent + kept


@pytest.mark.parametrize("access", ["", "[gateway]\ntemplate_filesystem_access.enabled = true\n"])
def test_without_a_folder_nothing_is_read(folder: Path, build: Callable[..., TensorZeroGateway], access: str) -> None:
    """The original takes `enabled` alone for no access (observed 2026.6.0)."""
    for name in ("in.j", "tpl/in.j", str(folder / "secret.txt")):
        sent, kept = prompt(folder, build, f'{{% include "{name}" %}}', access)
        assert "please set `gateway.template_filesystem_access.enabled`" in sent
        assert "base_path" in sent
        assert kept == "{}"


def test_a_link_that_leads_out_is_named_in_the_hint(folder: Path, build: Callable[..., TensorZeroGateway]) -> None:
    assert "out.j` is a link that leads out of the folder." in prompt(folder, build, '{% include "out.j" %}')[0]


def test_a_path_that_the_configuration_names_is_the_users_own_word(
    folder: Path, build: Callable[..., TensorZeroGateway]
) -> None:
    (folder / "tpl" / "u.j").write_text("x")
    for path in ("tpl/out.j", str(folder / "secret.txt"), "tpl/../secret.txt"):
        client = build(FUNCTION.replace("tpl/u.j", path))
        assert "SECRET" in client.inference(function_name="f", input=USER).content[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize("data", ['{% include "out.j" %}', '{% include "in.j" %}', '{% set x = "in.j" %}{% include x %}'])
def test_a_variant_that_a_call_brings_reads_no_file(folder: Path, build: Callable[..., TensorZeroGateway], data: str) -> None:
    (folder / "tpl" / "u.j").write_text("x")
    client = build(ACCESS + FUNCTION)
    path = {"__tensorzero_remapped_path": "mine.j", "__data": data}
    variant = {"type": "chat_completion", "model": "dummy::echo", "templates": {"user": {"path": path}}}
    with pytest.raises(TensorZeroError, match="Could not load template"):
        client.inference(function_name="f", input=USER, internal_dynamic_variant_config=variant, dryrun=True)


@pytest.mark.parametrize("kind", ["file", "http"])
def test_a_schema_reads_no_other_file_or_address(folder: Path, build: Callable[..., TensorZeroGateway], kind: str) -> None:
    (folder / "tpl" / "u.j").write_text("x")
    reference = f"file://{folder}/other.json" if kind == "file" else "http://127.0.0.1:9/other.json"
    (folder / "other.json").write_text('{"required": ["a"]}')
    client = build(FUNCTION.replace('"chat"\n', '"json"\n').replace("model =", 'json_mode = "off", model ='))
    answer: Any = client.inference(function_name="f", input=USER, output_schema={"$ref": reference})
    assert answer.output.parsed is None
