"""What of a model request one provider gets, and what of a raw request a row holds."""

from __future__ import annotations

from dataclasses import replace

from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.values import ModelRequest
from tensorzero.inputs.blocks import File, RequestBlock, RequestMessage, Thought, Unknown

_SHORTEST_DATA = 3  # characters; less may be part of anything


def without_data(raw_request: str, request: ModelRequest) -> str:
    """A raw request with the data of its files replaced by their numbers, as rows hold it."""
    blocks = (block for message in request.messages for block in message.content if isinstance(block, File))
    for number, data in enumerate(block.data for block in blocks if block.data is not None):
        if len(data) >= _SHORTEST_DATA:
            raw_request = raw_request.replace(data, f"<TENSORZERO_FILE_{number}>")
    return raw_request


def for_provider(request: ModelRequest, model_name: str, config: ProviderConfig) -> ModelRequest:
    """Without blocks that are meant for another provider. Nearly always the request itself."""
    if request.usual or _nothing_to_drop(request.messages):
        return request
    kept = [
        RequestMessage(message.role, tuple(block for block in message.content if _fits(block, model_name, config)))
        for message in request.messages
    ]
    return replace(request, messages=tuple(kept))


def _nothing_to_drop(messages: tuple[RequestMessage, ...]) -> bool:
    for message in messages:
        for block in message.content:
            if isinstance(block, (Thought, Unknown)):
                return False
    return True


def _fits(block: RequestBlock, model_name: str, config: ProviderConfig) -> bool:
    if isinstance(block, Thought):
        return block.provider_type is None or block.provider_type == config.type
    if isinstance(block, Unknown):
        return block.model_name in (None, model_name) and block.provider_name in (None, config.name)
    return True
