"""`POST /openai/v1/embeddings`: vectors of texts, in OpenAI's form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from tensorzero.gateway.call import CacheOptions
from tensorzero.gateway.endpoints.cache_options import cache_options
from tensorzero.gateway.endpoints.inference_request import nearest_hint
from tensorzero.gateway.endpoints.usage import raw_response_entries
from tensorzero.gateway.errors import BadRequest, NotFound
from tensorzero.gateway.floats import shortest_singles
from tensorzero.gateway.models.embeddings import EmbeddingInput, EmbeddingRequest, embed, find_embedding_model
from tensorzero.gateway.request import Request
from tensorzero.masking.known import learn_body
from tensorzero.masking.reprs import discreet
from tensorzero.parsing.words import unexpected
from tensorzero.runtime.deadline import Deadline
from tensorzero.runtime.runtime import Runtime

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway
    from tensorzero.gateway.rate_limits.limits import RateLimits

PREFIX = "tensorzero::embedding_model_name::"
_LARGEST = 2**32


@discreet("credentials")
@dataclass(frozen=True, slots=True)
class _Call:
    runtime: Runtime
    credentials: Mapping[str, str]
    deadline: Deadline | None
    cache: CacheOptions | None
    limits: RateLimits | None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


async def give_embeddings(gateway: Gateway, request: Request) -> dict[str, Any]:
    """One vector for each input, in order; nothing is stored. Keys that mean nothing here are ignored."""
    body = request.body
    wanted, name = _wanted(body), _model_name(body)
    model = find_embedding_model(gateway.config, name)
    if model is None:
        hint = nearest_hint(name, gateway.config.embedding_models, "Configured embedding models")
        raise NotFound(f"Model not found: {name}", hint=f"{hint} Or use a shorthand such as `openai::text-embedding-3-small`.")
    learn_body(body)
    dryrun = bool(body.get("tensorzero::dryrun"))
    cache = cache_options(gateway, body.get("tensorzero::cache_options"), dryrun=dryrun)
    call = _Call(request.runtime, body.get("tensorzero::credentials") or {}, request.deadline, cache, gateway.rate_limits)
    embedded = await embed(gateway.embedding_providers, model, wanted, call)
    inference = embedded.inference
    tokens = 0 if inference.cached else inference.usage.input_tokens
    response: dict[str, Any] = {
        "object": "list",
        "data": [
            {"object": "embedding", "embedding": _shown(vector), "index": index}
            for index, vector in enumerate(embedded.vectors)
        ],
        "model": PREFIX + name,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens, "tensorzero_cost": inference.usage.cost},
    }
    if body.get("tensorzero::include_raw_response"):
        response["tensorzero::raw_response"] = raw_response_entries([inference])
    return response


def _wanted(body: Mapping[str, Any]) -> EmbeddingRequest:
    for name in ("input", "model"):
        if body.get(name) is None:
            raise BadRequest(f"missing field `{name}`")
    if not _is_input(body["input"]):
        raise BadRequest("input: data did not match any variant of untagged enum EmbeddingInput")
    dimensions, encoding = body.get("dimensions"), body.get("encoding_format") or "float"
    if dimensions is not None and not _is_token(dimensions):
        raise BadRequest(f"dimensions: invalid type: {unexpected(dimensions)}, expected u32")
    if encoding not in ("float", "base64"):
        raise BadRequest(f"encoding_format: unknown variant `{encoding}`, expected `float` or `base64`")
    if body["input"] == []:
        raise BadRequest("Input cannot be empty")
    return EmbeddingRequest(cast("EmbeddingInput", body["input"]), dimensions, encoding)


def _is_input(value: Any) -> bool:
    """A text, texts, tokens, or lists of tokens."""
    if isinstance(value, str):
        return True
    if not isinstance(value, list):
        return False
    given = cast("list[Any]", value)
    return (
        all(isinstance(one, str) for one in given)
        or all(_is_token(one) for one in given)
        or all(isinstance(one, list) and all(_is_token(token) for token in cast("list[Any]", one)) for one in given)
    )


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _model_name(body: Mapping[str, Any]) -> str:
    return str(body["model"]).removeprefix(PREFIX)


def _shown(vector: list[float] | str) -> list[float] | str:
    """Numbers in 32 bits, as the original keeps them."""
    return vector if isinstance(vector, str) else shortest_singles(vector)
