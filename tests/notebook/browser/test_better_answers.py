"""Editing a better answer in the page: the answer's blocks, and the row that they become."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from notebook_page import NotebookPage
from playwright.sync_api import Locator, expect

from tests.notebook.test_panel_demonstrations import CONFIG, PERSON, PLACE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

OpenNotebook = Callable[..., NotebookPage]
LOAD = "%load_ext tensorzero_notebook\nfrom tensorzero_notebook import feedback"
ROWS = "print(*feedback(metric='demonstration')['value'], sep='\\n')"
FILES = {"tensorzero.toml": CONFIG, "place.json": PLACE, "person.json": PERSON}


def opened(panel: Locator) -> Locator:
    panel.get_by_text("This would have been better").click()
    save = panel.get_by_role("button", name="Store better answer")
    expect(save).to_be_visible()
    return save


def test_tool_calls_json_and_texts_are_edited_as_what_they_are(open_notebook: OpenNotebook) -> None:
    cells = ["weather", "facts"]
    asks = [f"%%tensorzero --function {name}\nBrooklyn?" for name in cells] + ["%%tensorzero --model dummy::reasoner\nwhy?"]
    notebook = open_notebook([LOAD, *asks, ROWS], files=FILES)
    notebook.run_all()
    weather, facts, thinker = (notebook.output(index) for index in (1, 2, 3))

    save = opened(weather)
    expect(weather.get_by_label("Tool", exact=True)).to_have_value("get_temperature")
    arguments = weather.get_by_label("Arguments", exact=True)
    expect(arguments).to_have_value('{\n  "location": "Brooklyn",\n  "units": "celsius"\n}')
    arguments.fill('{"location": "Queens"')
    save.click()
    expect(weather).to_contain_text("The arguments of get_temperature must be JSON")
    arguments.fill('{"location": "Queens"}')
    weather.get_by_role("button", name="Add text").click()
    weather.get_by_label("Better answer 2").fill("So I look.")
    save.click()
    expect(save).to_have_attribute("aria-pressed", "true")
    notebook.screenshot("better-tool-call")

    save = opened(facts)
    expect(facts.get_by_label("Better answer", exact=True)).to_have_value('{\n  "name": "John",\n  "age": 30\n}')
    facts.get_by_label("Better answer", exact=True).fill('{"name": "Ada"}')
    save.click()
    expect(save).to_have_attribute("aria-pressed", "true")

    save = opened(thinker)
    expect(thinker).to_contain_text("Not part of a demonstration: 1 thought.")
    text = thinker.get_by_label("Better answer", exact=True)
    assert "hmmm" not in text.input_value()
    save.click()
    expect(save).to_have_attribute("aria-pressed", "true")
    thinker.scroll_into_view_if_needed()
    notebook.screenshot("better-thought")

    notebook.run_cell(4)
    rows = notebook.output(4)
    expect(rows).to_contain_text(
        '"name":"get_temperature","arguments":{"location":"Queens"}},{"type":"text","text":"So I look."}]'
    )
    expect(rows).to_contain_text('{"raw":"{\\"name\\":\\"Ada\\"}","parsed":{"name":"Ada"}}')
    assert "hmmm" not in rows.inner_text()
    assert not notebook.errors
