"""`extra_body` and `extra_headers`, entry by entry (observed 2026.6.0)."""

from __future__ import annotations

from typing import Any

import pytest

from tensorzero.gateway.config.sections import ExtraBody, ExtraHeader
from tensorzero.gateway.errors import BadRequest
from tensorzero.gateway.providers.extra import apply_body, apply_headers


def changed(*entries: ExtraBody) -> dict[str, Any]:
    body: dict[str, Any] = {"messages": [{"role": "user"}], "model": "m", "stream": False}
    apply_body(body, entries)
    return body


def sent(*levels: list[ExtraHeader]) -> dict[str, str]:
    headers = {"content-type": "application/json", "authorization": "Bearer k"}
    apply_headers(headers, *levels)
    return headers


@pytest.mark.parametrize(
    ("pointer", "delete", "reason"),
    [
        ("/", False, "Pointer cannot end with '/'"),
        ("//", True, "Pointer cannot end with '/'"),
        ("/messages/-/content", False, "Array append operator `-` can only be used at the end of a pointer"),
        ("/messages/-", True, "Cannot delete using array append operator `-`"),
        ("/messages/-/content", True, "Cannot delete using array append operator `-`"),
        ("/messages/00", False, "Could not find array index 00 in target array (len 1)"),
    ],
)
def test_a_pointer_that_cannot_be_followed_is_refused(pointer: str, delete: bool, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        changed(ExtraBody(pointer, 1, delete))
    assert caught.value.message == f"Error replacing extra body: `{reason}` with pointer: `{pointer}`"


def test_what_is_not_there_cannot_be_deleted_and_nothing_happens() -> None:
    whole = changed()
    for pointer in ("/nothing", "/x/-", "/messages/00", "/messages/7/role", "/model/x"):
        assert changed(ExtraBody(pointer, delete=True)) == whole


def test_the_last_key_takes_the_place_of_a_deleted_one() -> None:
    assert list(changed(ExtraBody("/messages", delete=True))) == ["stream", "model"]
    assert list(changed(ExtraBody("/stream", delete=True))) == ["messages", "model"]


def test_deleting_a_header_takes_back_what_an_earlier_entry_gave_and_no_more() -> None:
    gone = [ExtraHeader(name, "", True) for name in ("X-Team", "Authorization", "content-type", "nothing")]
    assert sent([ExtraHeader("x-team", "a")], gone) == sent()
    assert sent([ExtraHeader("Authorization", "mine")], gone) == sent()
    assert sent(gone, [ExtraHeader("X-Team", "b")])["x-team"] == "b"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "é", "x@y", "x(y", "x/y", "x\ny"])
def test_a_name_that_no_header_can_have_is_refused(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        sent([ExtraHeader(name, "v")])
    assert caught.value.message == f"Invalid header name `{name}`: invalid HTTP header name"


def test_a_value_that_no_header_can_have_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        sent([ExtraHeader("x", "a\nb")])
    assert caught.value.message == "Invalid header value `a\nb`: failed to parse header value"
    assert sent([ExtraHeader("x!#$%&'*+-.^_`|~", " a\tb ")])["x!#$%&'*+-.^_`|~"] == " a\tb "


def test_a_value_that_is_put_in_or_walked_through_stays_as_its_owner_has_it() -> None:
    shared: dict[str, Any] = {"schema": {"properties": {"a": {}}}, "stop": ["END"], "list": [{"x": 1}]}
    given = {"kept": True}
    for _ in range(2):
        body = dict(shared)
        apply_body(
            body,
            [
                ExtraBody("/stop/-", "X"),
                ExtraBody("/schema/properties/b", 1),
                ExtraBody("/schema/properties/a", delete=True),
                ExtraBody("/list/0/x", 2),
                ExtraBody("/given", given),
                ExtraBody("/given/kept", False),
                ExtraBody("/list/-", given),
                ExtraBody("/list/1/kept", delete=True),
            ],
        )
        assert body == {
            "schema": {"properties": {"b": 1}},
            "stop": ["END", "X"],
            "list": [{"x": 2}, {}],
            "given": {"kept": False},
        }
    assert shared == {"schema": {"properties": {"a": {}}}, "stop": ["END"], "list": [{"x": 1}]}
    assert given == {"kept": True}
