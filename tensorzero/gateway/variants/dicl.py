"""`experimental_dynamic_in_context_learning`: past examples that are nearest to the input are shown to the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import orjson

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.paths import DATA
from tensorzero.gateway.config.sections import ChatCompletionConfig, DiclConfig
from tensorzero.gateway.errors import BadRequest, GatewayError
from tensorzero.gateway.models.embeddings import EmbeddingRequest, embed, find_embedding_model
from tensorzero.gateway.values import ModelInference, VariantResult
from tensorzero.gateway.variants.chat_completion import (
    Prepared,
    VariantStream,
    ask,
    assemble,
    open_stream,
    result_of,
)  # fmt: skip
from tensorzero.gateway.variants.dicl_examples import nearest_examples, shown
from tensorzero.inputs.blocks import (
    File,
    Input,
    InputMessage,
    RawText,
    RequestBlock,
    RequestMessage,
    Template,
    Text,
    Unknown,
)

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

DEFAULT_INSTRUCTIONS = (
    "You are tasked with learning by induction and then solving a problem below. You will be shown several examples of inputs "
    "followed by outputs. Then, in the same format you will be given one last set of inputs. Your job is to use the provided "
    "examples to inform your response to the last set of inputs."
)
_REPORT = (
    "This should never happen, please file a bug report at "
    "https://github.com/tensorzero/tensorzero/discussions/new?category=bug-reports"
)


async def infer(gateway: Gateway, variant: DiclConfig, call: InferenceCall) -> VariantResult:
    chat = variant.chat
    ready, embedding = await _prepare(gateway, variant, chat, call)
    answer = await ask(gateway, ready, chat.retries, call)
    result = result_of(variant.name, ready, answer, call)
    result.model_inferences.insert(0, embedding)
    return result


async def stream(gateway: Gateway, variant: DiclConfig, call: InferenceCall) -> VariantStream:
    chat = variant.chat
    ready, embedding = await _prepare(gateway, variant, chat, call)
    opened = await open_stream(gateway, ready, chat.retries, call)
    opened.previous = [embedding]
    return opened


async def _prepare(
    gateway: Gateway, variant: DiclConfig, chat: ChatCompletionConfig, call: InferenceCall
) -> tuple[Prepared, ModelInference]:
    """The request, and the embedding that found its examples."""
    name = variant.embedding_model
    model = find_embedding_model(gateway.config, name)
    if model is None:
        raise GatewayError(f"Embedding model {name} not found")
    given = _without_templates(call.input)
    text = given.stored_json()
    embedded = await embed(gateway.embedding_providers, model, EmbeddingRequest(text), call)
    if len(embedded.vectors) != 1:
        raise GatewayError(f"Internal error: Embedding model returned multiple vectors. {_REPORT}")
    vector = embedded.vectors[0]
    if isinstance(vector, str):
        raise GatewayError("Internal error: Failed to convert DICL embedding to float array.")
    examples = await nearest_examples(gateway, variant, call, vector)
    if call.extra_body:
        raise BadRequest("Inference-level `extra_body` is not yet supported for dynamic_in_content_learning variant")
    system = DEFAULT_INSTRUCTIONS if variant.system_instructions is None else variant.system_instructions[DATA]
    if examples:
        messages = (*shown(examples, call.function.type), RequestMessage("user", (Text(text),)))
    else:
        messages = tuple(_plain(message) for message in given.messages)
    return assemble(gateway, chat, call, system, messages), embedded.inference


def _without_templates(given: Input) -> Input:
    """Templates mean nothing here: a template block is shown as its JSON. Raises `BadRequest` for files and unknown blocks."""
    return Input(given.system, tuple(InputMessage(m.role, tuple(_as_text(b) for b in m.content)) for m in given.messages))


def _as_text(block: Any) -> Any:
    if isinstance(block, (File, Unknown)):
        kind = "image" if isinstance(block, File) else block.type
        raise BadRequest(f"Unsupported content block type `{kind}` for provider `dicl`")
    return Text(orjson.dumps(block.stored()).decode()) if isinstance(block, Template) else block


def _plain(message: InputMessage) -> RequestMessage:
    content = tuple(Text(block.value) if isinstance(block, RawText) else block for block in message.content)
    return RequestMessage(message.role, cast("tuple[RequestBlock, ...]", content))
