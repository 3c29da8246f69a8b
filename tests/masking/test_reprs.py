"""Reprs of calls, requests, answers and configurations: no secret, and no exception, whatever state they are in."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from everything_shown import leaked

import tensorzero
from tensorzero.clients.transport import Call
from tensorzero.gateway.config.sections import ExtraHeader
from tensorzero.masking.known import learn
from tensorzero.masking.reprs import discreet
from tensorzero.routes import INFERENCE
from tensorzero.runtime.runtime import HttpReply, HttpRequest

KEY = "sk-proj-Aq7LkW0zPx4mVt2RbYc9JdHs"
ROOMS = ("tensorzero.clients", "tensorzero.gateway", "tensorzero.runtime", "tensorzero.clickhouse")
CARRIERS = {
    "headers",
    "credentials",
    "extra_headers",
    "password",
    "token",
    "settings",
    "raw_request",
    "raw_response",
    "url",
    "body",
}


def dataclasses_of_ours() -> Iterator[type[Any]]:
    for found in pkgutil.walk_packages(tensorzero.__path__, "tensorzero."):
        if found.name.startswith(ROOMS):
            for value in vars(importlib.import_module(found.name)).values():
                if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == found.name:
                    yield value


def carriers() -> list[type[Any]]:
    return [cls for cls in dataclasses_of_ours() if CARRIERS & {field.name for field in dataclasses.fields(cls)}]


@pytest.mark.parametrize("cls", carriers(), ids=lambda cls: cls.__qualname__)
def test_whatever_may_carry_a_secret_has_a_repr_that_hides_it_and_never_raises(cls: type[Any]) -> None:
    learn(KEY)
    half_built = object.__new__(cls)
    assert repr(half_built).startswith(cls.__qualname__)
    for field in dataclasses.fields(cls):
        object.__setattr__(half_built, field.name, f"Bearer {KEY}")
    assert leaked(KEY, repr(half_built)) == []

    class Bad:
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    for field in dataclasses.fields(cls):
        object.__setattr__(half_built, field.name, Bad())
    assert repr(half_built)


def test_headers_and_credentials_are_hidden_before_anybody_knows_them() -> None:
    request = HttpRequest("POST", f"http://u:{KEY}@host/v1", {"x-api-key": KEY}, KEY.encode())
    assert (
        repr(request)
        == "HttpRequest(method='POST', url='http://[key hidden]@host/v1', headers=[hidden], body=[hidden], timeout_s=900.0, "
        "redirects=0, asked='')"
    )
    assert leaked(KEY, repr(HttpReply(200, {"set-cookie": KEY}, KEY.encode()))) == []
    assert leaked(KEY, repr(ExtraHeader("x-anything", KEY))) == []
    call = Call(INFERENCE, {"credentials": {"k": KEY}, "extra_headers": [{"name": "x", "value": KEY}]}, str)
    assert leaked(KEY, repr(call)) == []
    assert "'/inference'" in repr(call)


def test_a_value_that_holds_itself_is_shown() -> None:
    @discreet()
    @dataclasses.dataclass
    class Knot:
        inner: Any = None

    knot = Knot()
    knot.inner = knot
    assert repr(knot).endswith("Knot(inner=…)")
