"""`experimental_chain_of_thought` (deprecated, JSON functions): the model thinks in a field beside its answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import orjson

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.sections import ChainOfThoughtConfig
from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.schemas.validation import Schema
from tensorzero.gateway.values import VariantResult
from tensorzero.gateway.variants import chat_completion

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

_THINKING = {
    "type": "string",
    "description": "A detailed description of the thought process used to arrive at the final answer.",
}


async def infer(gateway: Gateway, variant: ChainOfThoughtConfig, call: InferenceCall) -> VariantResult:
    """An answer that does not fit the wrapped schema stays as it is, with nothing parsed."""
    if call.schema is None or call.function.type != "json":
        raise GatewayError("Can't use chain of thought variant type with non-JSON function.")
    result = await chat_completion.infer(gateway, variant.chat, replace(call, schema=_wrapped(call.schema)))
    parsed = result.output["parsed"]
    if parsed is not None:
        answer = parsed["response"]
        result.output = {"raw": orjson.dumps(answer).decode(), "parsed": answer}
        result.auxiliary = [*result.auxiliary, {"type": "thought", "text": parsed["thinking"]}]
    return result


def refuse_to_stream() -> NoReturn:
    raise GatewayError(
        "Unsupported variant for streaming inference of type chain_of_thought. For more information, see: "
        "https://github.com/tensorzero/tensorzero/issues/1839"
    )


def _wrapped(schema: Schema) -> Schema:
    return Schema(
        {
            "type": "object",
            "properties": {"thinking": _THINKING, "response": schema.value},
            "required": ["thinking", "response"],
            "additionalProperties": False,
        }
    )
