"""The list of routes: what a client formats, a server matches."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorzero import routes
from tensorzero.gateway.routes import ENDPOINTS, STREAMS
from tensorzero.routes import ROUTES, MethodNotAllowed, Route, match


def test_no_two_routes_are_the_same() -> None:
    assert len({(one.method, one.template) for one in ROUTES}) == len(ROUTES)
    assert len({one.name for one in ROUTES}) == len(ROUTES)


def test_what_the_gateway_answers_is_listed_and_streams_where_it_says_so() -> None:
    assert set(ENDPOINTS) <= set(ROUTES)
    assert all(one.streams != "never" for one in STREAMS)
    assert all(one in STREAMS for one in ENDPOINTS if one.streams != "never")


@given(st.sampled_from(ROUTES), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8))
def test_a_formatted_path_is_matched_by_its_own_route(route: Route, value: str) -> None:
    parameters = {
        name: value for name in ("dataset_name", "run_id", "job_handle", "task_id") if f"{{{name}}}" in route.template
    }
    path = route.path(parameters)
    assert path.isascii()
    assert "?" not in path
    assert "#" not in path
    found = match(route.method, path)
    assert found is not None
    assert found[1] == parameters or found[0].template.count("{") < route.template.count("{")


def test_a_name_with_a_slash_stays_one_name() -> None:
    assert routes.CREATE_DATAPOINTS.path({"dataset_name": "a/b c?"}) == "/v1/datasets/a%2Fb%20c%3F/datapoints"
    found = match("POST", "/v1/datasets/a%2Fb%20c%3F/datapoints")
    assert found == (routes.CREATE_DATAPOINTS, {"dataset_name": "a/b c?"})


def test_a_path_without_parameters_goes_first() -> None:
    found = match("POST", "/v1/datasets/get_datapoints")
    assert found == (routes.GET_DATAPOINTS_OF_ANY, {})
    assert match("DELETE", "/v1/datasets/get_datapoints") == (routes.DELETE_DATASET, {"dataset_name": "get_datapoints"})


@pytest.mark.parametrize("path", ["/", "/nothing", "/inference/", "/v1/datasets//datapoints", "/v1/datasets/a/b/datapoints"])
def test_an_unknown_path_has_no_route(path: str) -> None:
    assert match("POST", path) is None


def test_a_known_path_under_another_method_says_which_are_allowed() -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        match("GET", "/v1/datasets/a/datapoints")
    assert caught.value.allowed == ("DELETE", "PATCH", "POST")


def test_a_missing_parameter_is_no_path() -> None:
    with pytest.raises(KeyError, match="dataset_name"):
        routes.DELETE_DATASET.path()


def test_a_template_is_text_and_no_pattern() -> None:
    route = Route("odd", "GET", "/a.b/{x}")
    assert route.match("/a.b/1") == {"x": "1"}
    assert route.match("/aXb/1") is None
    assert route.path({"x": "ü"}) == f"/a.b/{quote('ü')}"
