"""Requests about stored inferences and datasets that have another shape: the original's words, with its columns."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tensorzero
from tensorzero import TensorZeroGateway

RECORDED: list[tuple[str, dict[str, Any], str, str]] = json.loads(
    (Path(__file__).parent / "data" / "request_shapes.json").read_text("utf-8")
)


@pytest.fixture(scope="module", params=["embedded", "over HTTP"])
def client(request: pytest.FixtureRequest) -> Iterator[TensorZeroGateway]:
    if request.param == "over HTTP":
        yield TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield TensorZeroGateway.build_embedded()


@pytest.mark.parametrize(("call", "arguments", "kind", "message"), RECORDED, ids=[f"{n}" for n in range(len(RECORDED))])
def test_the_first_fault_is_told_as_the_original_tells_it(
    client: TensorZeroGateway, call: str, arguments: dict[str, Any], kind: str, message: str
) -> None:
    given = arguments if call == "list_inferences" else {"dataset_name": "d", **arguments}
    with pytest.raises(getattr(tensorzero, kind, ValueError)) as caught:
        getattr(client, call)(**given)
    told = str(caught.value).partition("\n")[0]
    assert told.endswith(message)
    assert told.removesuffix(message).endswith(("Request: ", "RequestParams: ", "")) or "Failed to deserialize JSON" in told


def test_a_change_of_the_callers_objects_reaches_nothing() -> None:
    from tensorzero.clients import calls

    request: dict[str, Any] = {"filters": {"type": "tag", "key": "a", "value": "b", "comparison_operator": "="}}
    made = calls.list_inferences(request)
    request["filters"]["key"] = "changed"
    assert made.body is not None
    assert made.body["filters"]["key"] == "a"
