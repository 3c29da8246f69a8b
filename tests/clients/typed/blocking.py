"""What a user of the blocking client writes: a type checker knows every result."""

from __future__ import annotations

from typing_extensions import assert_type

from tensorzero import InferenceResponse, TensorZeroGateway
from tensorzero.generated_types import GetInferencesResponse, ListInferencesRequest
from tensorzero.types import ChatInferenceResponse, FeedbackResponse, InferenceChunk, Text

with TensorZeroGateway.build_embedded(config_file="tensorzero.toml") as client:
    assert_type(client, TensorZeroGateway)
    messages = {"messages": [{"role": "user", "content": "Hello"}]}
    answer = client.inference(function_name="reply", input=messages)
    assert_type(answer, InferenceResponse)
    if isinstance(answer, ChatInferenceResponse):
        for block in answer.content:
            if isinstance(block, Text):
                assert_type(block.text, str | None)

    for chunk in client.inference(function_name="reply", input=messages, stream=True):
        assert_type(chunk, InferenceChunk)
    assert_type(client.inference(model_name="dummy::good", input=messages, stream=False), InferenceResponse)

    stored = client.feedback(metric_name="thumbs_up", value=True, inference_id=answer.inference_id)
    assert_type(stored, FeedbackResponse)
    listed = client.list_inferences(request=ListInferencesRequest(function_name="reply"))
    assert_type(listed, GetInferencesResponse)

assert_type(TensorZeroGateway.build_http(gateway_url="http://localhost:3000"), TensorZeroGateway)
