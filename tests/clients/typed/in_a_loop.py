"""What a user of the asyncio client writes."""

from __future__ import annotations

from typing_extensions import assert_type

from tensorzero import AsyncTensorZeroGateway, InferenceResponse
from tensorzero.types import InferenceChunk


async def main() -> None:
    async with await AsyncTensorZeroGateway.build_embedded(config_file="tensorzero.toml") as client:
        assert_type(client, AsyncTensorZeroGateway)
        messages = {"messages": [{"role": "user", "content": "Hello"}]}
        assert_type(await client.inference(function_name="reply", input=messages), InferenceResponse)
        async for chunk in await client.inference(function_name="reply", input=messages, stream=True):
            assert_type(chunk, InferenceChunk)
        await client.feedback(metric_name="thumbs_up", value=True, inference_id="0")


built = AsyncTensorZeroGateway.build_http(gateway_url="http://localhost:3000", async_setup=False)
assert_type(built, AsyncTensorZeroGateway)
