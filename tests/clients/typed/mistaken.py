"""Mistakes that a type checker finds, each on a line that names its rule."""

from __future__ import annotations

from tensorzero import AsyncTensorZeroGateway, TensorZeroGateway

client = TensorZeroGateway.build_http(gateway_url="http://localhost:3000")
client.inference(function_name="reply")  # reportCallIssue
client.inference(input={}, function="reply")  # reportCallIssue
client.inference(input={}, stream="yes")  # reportCallIssue, reportArgumentType
client.feedback(metric_name="thumbs_up", value=True, inference_id=1)  # reportArgumentType
for chunk in client.inference(input={}, model_name="dummy::good"):  # reportGeneralTypeIssues
    print(chunk)


async def main(gateway: AsyncTensorZeroGateway) -> None:
    answer = gateway.inference(input={}, model_name="dummy::good")
    print(answer.inference_id)  # reportAttributeAccessIssue
