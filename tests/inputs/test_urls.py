"""URLs in the spelling that the original sends and stores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tensorzero.runtime.urls import normal_url

CASES = json.loads((Path(__file__).parent / "urls.json").read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize(("given", "sent"), CASES)
def test_a_url_has_the_originals_spelling(given: str, sent: str | None) -> None:
    assert normal_url(given) == sent


@pytest.mark.parametrize(("_", "sent"), [case for case in CASES if case[1]])
def test_the_spelling_of_a_normal_url_stays(_: str, sent: str) -> None:
    assert normal_url(sent) == sent


@pytest.mark.parametrize(
    "text", ["http://h:" + "9" * 100_000, "http://" + "9" * 100_000, "http://1." + "f" * 10, "http://%ff/"]
)
def test_numbers_without_end_and_broken_names_are_no_trouble(text: str) -> None:
    assert normal_url(text) in (None, text + "/")
