"""Where requests go."""

from __future__ import annotations

import pytest

from tensorzero.gateway.providers.openai_requests import endpoint


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://h:1", "http://h:1/chat/completions"),
        ("http://h:1/v1", "http://h:1/v1/chat/completions"),
        ("http://h:1/v1/", "http://h:1/v1/chat/completions"),
        ("http://h:1/v1//", "http://h:1/v1//chat/completions"),
        ("http://h:1/v1?key=x", "http://h:1/v1/chat/completions"),
        ("http://h:1/v1/?key=x#there", "http://h:1/v1/chat/completions"),
    ],
)
def test_a_path_comes_after_the_base_and_its_query_goes(base: str, url: str) -> None:
    assert endpoint(base, "chat/completions") == url
