"""The page's code as it is committed: made of the sources beside it, alone, and small."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from tensorzero_notebook.widgets.panel import CODE, LOADER
from tests.conftest import ROOT

PAGE = ROOT / "tensorzero_notebook" / "widgets" / "page"


def digest() -> str:
    """As tools/bundle.mjs makes it."""
    others = [ROOT / "package.json", ROOT / "package-lock.json", ROOT / "tools" / "bundle.mjs"]
    hashed = hashlib.sha256()
    for file in sorted([*PAGE.glob("*.js"), *others], key=lambda file: file.name):
        hashed.update(f"{file.name}\n{file.read_text('utf-8')}\n".encode())
    return hashed.hexdigest()


def test_the_bundle_is_what_the_sources_make() -> None:
    made_of = CODE.partition("\n")[0].removeprefix("// sources: ")
    assert made_of == digest(), "`npm ci --ignore-scripts && npm run bundle` makes it anew"


def test_the_page_loads_nothing_from_elsewhere() -> None:
    for code in (CODE, LOADER):
        assert (
            re.search(r"\b(fetch|XMLHttpRequest|WebSocket|importScripts|sendBeacon)\b|\bimport\s*[\"'(]\s*[\"'h]", code) is None
        )
        assert re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", code) is None


def test_a_panel_costs_the_page_little() -> None:
    assert len(CODE) < 150_000  # with each panel, as a trait of its model
    assert len(LOADER) < 2_000  # kept by the page for ever


@pytest.mark.parametrize("name", ["markdown-it", "mdurl", "uc.micro", "entities"])
def test_what_the_bundle_contains_has_its_notice(name: str) -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"][f"node_modules/{name}"]
    notices = (ROOT / "THIRD_PARTY_NOTICES.md").read_text("utf-8")
    assert f"{name} {lock['version']}" in notices
    assert "resolved" not in lock
