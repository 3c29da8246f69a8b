"""Clients over HTTP: what goes over the wire, what comes back, and every way to fail."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import tensorzero as t
from tensorzero import generated_types as g
from tensorzero.types import FinishReason, TensorZeroError, TensorZeroInternalError, Text, TextChunk

from .loopback import EPISODE_ID, FEEDBACK_ID, INFERENCE_ID, Loopback

pytestmark = pytest.mark.slow

INPUT: Any = {"messages": [{"role": "user", "content": "hi"}]}
NOTICE = "WARN tensorzero: Stream was garbage-collected without being iterated to completion\n"


@pytest.fixture
def client(server: Loopback) -> t.TensorZeroGateway:
    return t.TensorZeroGateway.build_http(gateway_url=server.url + "/base/", timeout=60, api_key="sk-secret")


def texts(chunks: Any) -> list[str]:
    return [block.text for chunk in chunks for block in chunk.content if isinstance(block, TextChunk)]


def refused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_an_inference_sends_the_full_body_and_reads_the_answer(client: t.TensorZeroGateway, server: Loopback) -> None:
    answer = client.inference(
        function_name="f",
        input=INPUT,
        episode_id=EPISODE_ID,
        tags={"a": "b"},
        gateway_http_headers={"X-Y": "z"},
        otlp_traces_extra_headers={"Ab": "q"},
        otlp_traces_extra_attributes={"k": "v"},
        otlp_traces_extra_resources={"r": "s"},
    )
    assert isinstance(answer, t.ChatInferenceResponse)
    assert (answer.content, answer.finish_reason, str(answer.inference_id)) == (
        [Text("Tokyo.")],
        FinishReason.STOP,
        INFERENCE_ID,
    )
    (request,) = server.requests
    assert (request["method"], request["path"]) == ("POST", "/base/inference")
    sent = request["headers"]
    assert sent["authorization"] == "Bearer sk-secret"
    assert sent["content-type"] == "application/json"
    assert sent["x-y"] == "z"
    assert [sent[f"tensorzero-otlp-traces-extra-{name}"] for name in ("header-ab", "attribute-k", "resource-r")] == [
        "q",
        "v",
        "s",
    ]
    expected = client._prepare_inference_request(function_name="f", input=INPUT, episode_id=EPISODE_ID, tags={"a": "b"})
    assert request["body"] == expected


def test_a_json_function_gives_its_value(client: t.TensorZeroGateway) -> None:
    answer = client.inference(function_name="json", input=INPUT)
    assert isinstance(answer, t.JsonInferenceResponse)
    assert answer.output == t.types.JsonInferenceOutput('{"a":1}', {"a": 1})


def test_the_key_comes_from_the_environment_and_is_never_shown(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORZERO_API_KEY", "sk-environment")
    with t.TensorZeroGateway.build_http(gateway_url=server.url) as client:
        client.feedback(metric_name="m", value=1)
        assert "sk-environment" not in repr(client) + repr(client._runtime) + repr(client._transport)
        with pytest.raises(TensorZeroError) as caught:
            client.inference(function_name="refused", input=INPUT)
    assert server.requests[0]["headers"]["authorization"] == "Bearer sk-environment"
    assert "sk-environment" not in repr(caught.value) + str(caught.value)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("case", "status", "text"),
    [("refused", 404, '{"error": "Unknown function: refused"}'), ("oops", 500, "oops")],
)
def test_the_gateways_error_body_is_passed_on_unchanged(
    client: t.TensorZeroGateway, case: str, status: int, text: str, stream: bool
) -> None:
    with pytest.raises(TensorZeroError) as caught:
        client.inference(function_name=case, input=INPUT, stream=stream)
    assert (caught.value.status_code, caught.value.text) == (status, text)


def test_an_answer_that_is_none_is_an_internal_error(client: t.TensorZeroGateway) -> None:
    message = "Internal TensorZero Error: Error deserializing response: "
    with pytest.raises(TensorZeroInternalError) as caught:
        client.inference(function_name="not_json", input=INPUT)
    assert str(caught.value) == message + "expected value at line 1 column 1"
    with pytest.raises(TensorZeroInternalError, match=message):
        client.inference(function_name="empty", input=INPUT)
    with pytest.raises(TensorZeroInternalError, match="Error in streaming response: InvalidContentType"):
        client.inference(function_name="not_stream", input=INPUT, stream=True)


def test_the_timeout_bounds_the_call_and_the_stream(server: Loopback) -> None:
    client = t.TensorZeroGateway.build_http(gateway_url=server.url, timeout=0.2)
    with pytest.raises(TensorZeroInternalError, match=r"^HTTP Error: request timed out$"):
        client.inference(function_name="slow", input=INPUT)
    patient = t.TensorZeroGateway.build_http(gateway_url=server.url, timeout=2)
    stream = patient.inference(function_name="slow", input=INPUT, stream=True)
    assert texts([next(stream)]) == ["a"]
    with pytest.raises(TensorZeroInternalError, match=r"^HTTP Error: request timed out$"):
        next(stream)
    assert list(stream) == []
    assert server.answered_slowly == 0


def test_a_gateway_out_of_reach_is_named_and_its_causes_on_demand() -> None:
    url = f"http://127.0.0.1:{refused_port()}"
    short = f"Internal TensorZero Error: Error from server: error sending request for url ({url}/feedback)"
    with pytest.raises(TensorZeroInternalError) as caught:
        t.TensorZeroGateway.build_http(gateway_url=url).feedback(metric_name="m", value=1)
    assert str(caught.value) == short
    verbose = t.TensorZeroGateway.build_http(gateway_url=url, verbose_errors=True)
    with pytest.raises(TensorZeroInternalError) as caught:
        verbose.feedback(metric_name="m", value=1)
    assert str(caught.value).startswith(short + ": ")
    assert len(str(caught.value)) > len(short) + 5
    with pytest.raises(TensorZeroInternalError, match="Error in streaming response: error sending request for url"):
        verbose.inference(function_name="f", input=INPUT, stream=True)


def test_a_url_without_slashes_fails_at_the_call_with_the_right_one_as_hint() -> None:
    client = t.TensorZeroGateway.build_http(gateway_url="localhost:3000")
    with pytest.raises(TensorZeroInternalError, match="cannot-be-a-base") as caught:
        client.inference(function_name="f", input=INPUT)
    assert caught.value.hint == "Write `http://localhost:3000`."


@pytest.mark.parametrize("case", ["f", "crlf"])
def test_a_stream_hands_out_every_chunk_and_ends_again_and_again(client: t.TensorZeroGateway, case: str) -> None:
    stream = client.inference(function_name=case, input=INPUT, stream=True)
    chunks = list(stream)
    assert texts(chunks) == ["To", "kyo \u2028é😀"]
    assert chunks[-1].finish_reason == "stop"
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(stream)


def test_an_error_inside_a_stream_is_raised_at_its_turn_and_the_stream_goes_on(client: t.TensorZeroGateway) -> None:
    stream = client.inference(function_name="event_error", input=INPUT, stream=True)
    assert texts([next(stream)]) == ["a"]
    with pytest.raises(TensorZeroError) as caught:
        next(stream)
    assert caught.value.status_code == 500
    assert caught.value.text == '{"error":"Error in streaming response: Stream produced an error: \\"boom\\""}'
    assert texts(stream) == ["b"]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("bad_event", "Error deserializing inference response chunk: EOF while parsing an object at line 1 column 1"),
        ("cut", "Error in streaming response: Error in streaming response: SSE error"),
    ],
)
def test_a_broken_stream_gives_what_came_then_one_error_then_ends(client: t.TensorZeroGateway, case: str, message: str) -> None:
    stream = client.inference(function_name=case, input=INPUT, stream=True)
    assert texts([next(stream)]) == ["a"]
    with pytest.raises(TensorZeroError) as caught:
        next(stream)
    assert json.loads(caught.value.text or "") == {"error": message}
    assert list(stream) == []


def test_a_stream_may_end_without_done(client: t.TensorZeroGateway) -> None:
    assert texts(client.inference(function_name="no_done", input=INPUT, stream=True)) == ["a"]


def wait_for_broken_pipe(server: Loopback) -> None:
    end = time.monotonic() + 30
    while not server.broken_pipes and time.monotonic() < end:
        time.sleep(0.01)
    assert server.broken_pipes


def test_a_dropped_stream_closes_its_connection_and_says_so(
    client: t.TensorZeroGateway, server: Loopback, printed: Callable[[], str]
) -> None:
    stream = client.inference(function_name="endless", input=INPUT, stream=True)
    next(stream)
    del stream
    gc.collect()
    assert printed().endswith(NOTICE)
    wait_for_broken_pipe(server)


def test_close_drops_a_stream_in_silence(client: t.TensorZeroGateway, server: Loopback, printed: Callable[[], str]) -> None:
    stream = client.inference(function_name="endless", input=INPUT, stream=True)
    next(stream)
    stream.close()
    stream.close()
    assert list(stream) == []
    stopped = client.inference(function_name="endless", input=INPUT, stream=True)
    stopped.stop()
    assert list(stopped) == []
    del stream, stopped
    gc.collect()
    assert printed() == ""
    wait_for_broken_pipe(server)


def test_a_finished_stream_says_nothing(client: t.TensorZeroGateway, printed: Callable[[], str]) -> None:
    for _ in client.inference(function_name="f", input=INPUT, stream=True):
        pass
    gc.collect()
    assert printed() == ""


def test_a_quiet_log_keeps_the_notice_back(
    client: t.TensorZeroGateway, monkeypatch: pytest.MonkeyPatch, printed: Callable[[], str]
) -> None:
    monkeypatch.setenv("RUST_LOG", "off")
    client.inference(function_name="f", input=INPUT, stream=True)
    gc.collect()
    assert printed() == ""


def test_a_stream_keeps_its_client_alive(server: Loopback) -> None:
    stream = t.TensorZeroGateway.build_http(gateway_url=server.url).inference(function_name="f", input=INPUT, stream=True)
    gc.collect()
    assert len(list(stream)) == 3


def test_64_threads_share_one_client(client: t.TensorZeroGateway) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(3):
                assert client.inference(function_name="f", input=INPUT).content == [Text("Tokyo.")]
                assert len(list(client.inference(function_name="f", input=INPUT, stream=True))) == 3
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_a_blocking_client_works_inside_a_running_loop(client: t.TensorZeroGateway) -> None:
    async def main() -> Any:
        return client.inference(function_name="f", input=INPUT)

    assert asyncio.run(main()).content == [Text("Tokyo.")]


def test_a_client_stays_usable_after_close(client: t.TensorZeroGateway) -> None:
    with client as same:
        assert same is client
    assert client.close() is None
    assert client.inference(function_name="f", input=INPUT).content == [Text("Tokyo.")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(client: t.TensorZeroGateway) -> None:
    client.inference(function_name="f", input=INPUT)
    child = os.fork()
    if child == 0:
        good = client.inference(function_name="f", input=INPUT).content == [Text("Tokyo.")]
        good = good and len(list(client.inference(function_name="f", input=INPUT, stream=True))) == 3
        os._exit(0 if good else 1)
    end = time.monotonic() + 5
    pid, status = os.waitpid(child, os.WNOHANG)
    while not pid and time.monotonic() < end:
        time.sleep(0.01)
        pid, status = os.waitpid(child, os.WNOHANG)
    if not pid:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert (pid, status) == (child, 0)
    assert client.inference(function_name="f", input=INPUT).content == [Text("Tokyo.")]


def test_feedback(client: t.TensorZeroGateway, server: Loopback) -> None:
    reply = client.feedback(
        metric_name="m", value={"a": Text("x")}, inference_id=INFERENCE_ID.replace("-", ""), tags={"a": "b"}
    )
    assert repr(reply) == f"FeedbackResponse(feedback_id=UUID('{FEEDBACK_ID}'))"
    assert server.requests[0]["body"] == {
        "episode_id": None,
        "inference_id": INFERENCE_ID,
        "metric_name": "m",
        "value": {"a": {"type": "text", "text": "x"}},
        "internal": False,
        "tags": {"a": "b"},
        "dryrun": None,
    }


ROUTES: list[tuple[str, dict[str, Any], str, Any]] = [
    ("workflow_evaluation_run", {"variants": {"f": "v"}}, "POST /base/workflow_evaluation_run", INFERENCE_ID),
    (
        "workflow_evaluation_run_episode",
        {"run_id": INFERENCE_ID},
        f"POST /base/workflow_evaluation_run/{INFERENCE_ID}/episode",
        EPISODE_ID,
    ),
    (
        "create_datapoints",
        {"dataset_name": "my ds/ü?", "requests": [t.CreateDatapointRequestChat(function_name="f", input=t.Input())]},
        "POST /base/v1/datasets/my%20ds%2F%C3%BC%3F/datapoints",
        INFERENCE_ID,
    ),
    (
        "update_datapoints",
        {"dataset_name": "d", "requests": [g.UpdateChatDatapointRequest(id=INFERENCE_ID, name=None)]},
        "PATCH /base/v1/datasets/d/datapoints",
        INFERENCE_ID,
    ),
    (
        "update_datapoints_metadata",
        {"dataset_name": "d", "requests": [{"id": INFERENCE_ID, "name": "x"}]},
        "PATCH /base/v1/datasets/d/datapoints/metadata",
        INFERENCE_ID,
    ),
    ("get_datapoints", {"dataset_name": "d", "ids": [INFERENCE_ID]}, "POST /base/v1/datasets/d/get_datapoints", "[]"),
    ("list_datapoints", {"dataset_name": "d", "request": {"limit": 1}}, "POST /base/v1/datasets/d/list_datapoints", "[]"),
    ("delete_datapoints", {"dataset_name": "d", "ids": [INFERENCE_ID]}, "DELETE /base/v1/datasets/d/datapoints", "=1"),
    ("delete_dataset", {"dataset_name": "d"}, "DELETE /base/v1/datasets/d", "=1"),
    ("get_inferences", {"ids": [INFERENCE_ID]}, "POST /base/v1/inferences/get_inferences", "[]"),
    ("list_inferences", {"request": t.ListInferencesRequest(limit=2)}, "POST /base/v1/inferences/list_inferences", "[]"),
]


@pytest.mark.parametrize(("method", "arguments", "route", "shown"), ROUTES, ids=[case[0] for case in ROUTES])
def test_both_clients_speak_each_route(
    client: t.TensorZeroGateway, server: Loopback, method: str, arguments: dict[str, Any], route: str, shown: str
) -> None:
    blocking = getattr(client, method)(**arguments)
    asynchronous = t.AsyncTensorZeroGateway.build_http(gateway_url=server.url + "/base", async_setup=False)

    async def main() -> Any:
        return await getattr(asynchronous, method)(**arguments)

    assert asyncio.run(main()) == blocking
    assert shown in repr(blocking)
    assert [f"{request['method']} {request['path']}" for request in server.requests] == [route, route]
    assert server.requests[0]["body"] == server.requests[1]["body"]


def test_an_update_sends_null_for_none_and_nothing_for_omit(client: t.TensorZeroGateway, server: Loopback) -> None:
    client.update_datapoints(dataset_name="d", requests=[g.UpdateChatDatapointRequest(id=INFERENCE_ID, name=None)])
    (sent,) = server.requests[0]["body"]["datapoints"]
    assert sent["name"] is None
    assert not {"output", "allowed_tools", "tool_choice"} & sent.keys()


def test_a_root_output_source_is_written_onto_params(client: t.TensorZeroGateway, server: Loopback) -> None:
    params = t.CreateDatapointsFromInferenceRequestParamsInferenceIds(inference_ids=[INFERENCE_ID])
    client.create_datapoints_from_inferences(dataset_name="d", params=params, output_source="none")
    assert params.output_source == "none" == server.requests[0]["body"]["output_source"]
    with pytest.raises(ValueError, match="either at the root or inside"):
        client.create_datapoints_from_inferences(dataset_name="d", params=params, output_source="none")


def test_ids_in_lists(client: t.TensorZeroGateway) -> None:
    with pytest.raises(ValueError, match=r"^Invalid UUID: invalid character: found `x` at 1$"):
        client.get_datapoints(dataset_name="d", ids=["x"])
    with pytest.raises(ValueError, match=r"^Failed to parse id as UUID: "):
        client.get_inferences(ids=["x"])
    with pytest.raises(TensorZeroInternalError, match="Invalid inference output source: zz"):
        client.get_inferences(ids=[], output_source="zz")
    with pytest.warns(DeprecationWarning, match=r"^Calling get_datapoints without a dataset name is deprecated"):
        assert client.get_datapoints(ids=[]) == g.GetDatapointsResponse(datapoints=[])


def test_former_methods_still_work(client: t.TensorZeroGateway) -> None:
    with pytest.warns(DeprecationWarning, match=r"`dynamic_evaluation_run` is now `workflow_evaluation_run`"):
        assert str(client.dynamic_evaluation_run(variants={}).run_id) == INFERENCE_ID
