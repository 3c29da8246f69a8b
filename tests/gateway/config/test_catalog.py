"""The catalog of provider types, and types that other packages bring."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tensorzero.gateway.config import catalog
from tensorzero.gateway.config.catalog import CATALOG, provider_type
from tensorzero.gateway.config.loading import load_config
from tensorzero.gateway.errors import ConfigError

MODEL = """
[models.m]
routing = ["p"]
[models.m.providers.p]
type = "{type}"
{settings}
"""


def test_every_type_has_one_entry() -> None:
    assert len({one.name for one in CATALOG}) == len(CATALOG)
    assert all(provider_type(one.name) is one for one in CATALOG)
    assert provider_type("nobody") is None


@pytest.mark.parametrize("path", sorted({path for one in CATALOG for path in (*one.serves.values(), one.embeds) if path}))
def test_what_serves_a_type_is_there(path: str) -> None:
    module, _, name = path.partition(":")
    assert callable(getattr(import_module(module), name))


def test_the_default_key_is_named_after_the_type() -> None:
    groq, bedrock = provider_type("groq"), provider_type("aws_bedrock")
    assert groq is not None
    assert bedrock is not None
    assert (groq.default_location.kind, groq.default_location.name) == ("env", "GROQ_API_KEY")
    assert bedrock.default_location.kind == "sdk"


Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """`install(code, entry)`: a package `acme_models` as pip leaves it, with its entry point."""

    def one(code: str, entry: str) -> None:
        site = tmp_path / "site"
        information = site / "acme_models-1.0.dist-info"
        information.mkdir(parents=True)
        (site / "acme_models.py").write_text(code)
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-models\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(f"[{catalog.ENTRY_POINTS}]\n{entry}\n")
        monkeypatch.syspath_prepend(site)
        catalog._installed.cache_clear()

    yield one
    sys.modules.pop("acme_models", None)
    catalog._installed.cache_clear()


ACME = """
from tensorzero.gateway.config.catalog import ProviderType
from tensorzero.gateway.config.shapes import Field, Text

PROVIDER = ProviderType("acme", "Acme", (Field("model_name", Text(), required=True),), serves={"": "acme_models:Acme"})
"""


def load(config_dir: Callable[..., Path], type_: str, settings: str = 'model_name = "x"') -> None:
    load_config(str(config_dir(MODEL.format(type=type_, settings=settings))))


def test_a_type_of_an_installed_package_is_configured_like_any_other(install: Install, config_dir: Callable[..., Path]) -> None:
    install(ACME, "acme = acme_models:PROVIDER")
    load(config_dir, "acme")
    with pytest.raises(ConfigError, match="missing field `model_name`"):
        load(config_dir, "acme", "")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise RuntimeError('no licence')", "cannot be loaded: RuntimeError: no licence"),
        ("", "cannot be loaded: AttributeError"),
        ("PROVIDER = 7", "should be a `ProviderType` called `acme`, and is 7"),
        (ACME.replace('"acme"', '"other"'), "should be a `ProviderType` called `acme`"),
    ],
)
def test_a_package_that_is_broken_is_named_with_what_is_wrong(
    install: Install, config_dir: Callable[..., Path], code: str, told: str
) -> None:
    install(code, "acme = acme_models:PROVIDER")
    with pytest.raises(ConfigError, match="unknown variant `acme`") as caught:
        load(config_dir, "acme")
    assert told in str(caught.value.hint or caught.value)


def test_packages_are_looked_through_for_unknown_types_only(
    config_dir: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(catalog, "_installed", lambda name: asked.append(name) or (None, None))
    load(config_dir, "openai")
    assert asked == []
    with pytest.raises(ConfigError, match="unknown variant `opena1`"):
        load(config_dir, "opena1")
    assert set(asked) == {"opena1"}
