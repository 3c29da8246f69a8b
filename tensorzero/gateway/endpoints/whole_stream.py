"""A streamed call whose answer came in one piece: a candidate of best-of-n, or of a mixture whose fuser failed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.endpoints.stored_files import store_files
from tensorzero.gateway.endpoints.usage import NOTHING_SPENT, raw_response_entries, raw_usage_entries, total_usage
from tensorzero.gateway.errors import Attempts, GatewayError
from tensorzero.gateway.params import only_asked
from tensorzero.gateway.recording import inference_rows
from tensorzero.gateway.values import Block, ModelInference, VariantResult

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

Chunk = dict[str, Any]


class WholeStream:
    """The whole content as one chunk, then usage and finish reason; see `InferenceStream`."""

    def __init__(self, gateway: Gateway, call: InferenceCall, result: VariantResult, failed_variants: Attempts) -> None:
        """Raises `GatewayError` for content that has no chunks."""
        self._gateway = gateway
        self._call = call
        self._result = result
        self._json = call.function.type == "json"
        if not self._json:
            result = self._result = replace(result, output=_without_summaries(result.output))
        self._content = (result.output["raw"] or "") if self._json else [_chunk(i, b) for i, b in enumerate(result.output)]
        self._ttft_ms = round((time.monotonic() - call.started) * 1000)
        self._failed_variants = failed_variants
        self._recorded = False
        self._batches = iter(self._all())

    def __aiter__(self) -> AsyncIterator[list[Any]]:
        return self

    async def __anext__(self) -> list[Any]:
        await store_files(self._gateway, self._call)
        for batch in self._batches:
            return batch
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._batches = iter(())

    async def stop(self, tags: Mapping[str, str]) -> None:
        """Drop the stream and store the answer, with `tags` added. Nothing happens after the last chunk."""
        await self.aclose()
        self._call.tags.update(tags)
        await store_files(self._gateway, self._call)
        self._record()

    def _all(self) -> Any:
        call, result = self._call, self._result
        answer, *previous = result.model_inferences
        before = preamble(call, self._public, self._failed_variants, answer.failed, previous)
        if before:
            yield before
        entries = raw_usage_entries([answer]) if call.include_raw_usage else []
        usage = {"raw_usage": entries} if entries else {}
        if self._content or usage:
            yield [self._public(self._content, **usage)]
        spent = NOTHING_SPENT if answer.cached else total_usage(result.model_inferences)  # see `InferenceStream`
        extra: dict[str, Any] = {"usage": spent.public()}
        if result.finish_reason is not None:
            extra["finish_reason"] = result.finish_reason
        if call.include_aggregated_response:
            extra["aggregated_response"] = {"output" if self._json else "content": result.output}
        self._record()
        yield [self._public(None, **extra)]

    def _public(self, shown: Any, **extra: Any) -> Chunk:
        return public_chunk(self._call, self._result.variant_name, shown, extra)

    def _record(self) -> None:
        if self._recorded or self._call.dryrun or not self._gateway.records:
            return
        self._recorded = True
        self._gateway.write(inference_rows(self._call, self._as_streamed(), self._gateway.snapshot_hash, self._ttft_ms))

    def _as_streamed(self) -> VariantResult:
        """A stream's row has the call's own parameters, and of a JSON answer only its text.

        The first model inference counts as the stream, even the embedding of a DICL candidate (observed 2026.6.0).
        """
        result = replace(self._result, params=only_asked(self._call.params))
        answer = result.model_inferences[0]
        if answer.api_type == "embeddings":
            said = next(one for one in result.model_inferences if one.api_type != "embeddings")
            answer.content, answer.finish_reason = said.content, said.finish_reason
        if self._json:
            answer.content = [{"type": "text", "text": self._content}] if self._content else []
            result.auxiliary = []
        else:
            answer.content = _without_summaries(answer.content)
        return result


def _without_summaries(content: Sequence[Block]) -> list[Block]:
    """A thought's chunk has no room for a whole summary (observed 2026.6.0)."""
    return [{k: v for k, v in one.items() if k != "summary"} if one["type"] == "thought" else one for one in content]


def _chunk(index: int, block: Block) -> Block:
    """A block as the chunk that holds all of it."""
    kind = block["type"]
    if kind == "tool_call":
        return {"type": kind, "id": block["id"], "raw_name": block["raw_name"], "raw_arguments": block["raw_arguments"]}
    if kind in ("text", "thought"):
        return {**block, "id": str(index)}
    raise GatewayError("MixtureOfNConfig variant does not support unknown content blocks in streaming mode")  # nor best-of-n


def preamble(
    call: InferenceCall,
    chunk: Callable[..., Chunk],
    failed_variants: Sequence[dict[str, Any]],
    failed_attempts: Sequence[dict[str, Any]],
    previous: Sequence[ModelInference],
) -> list[Chunk]:
    """What comes before the answer's own chunks, in the original's order; nothing unless raw data was asked for."""
    out: list[Chunk] = []
    if call.include_raw_response and failed_variants:
        out.append(chunk(None, raw_response=list(failed_variants)))
    if call.include_raw_usage and (usage := raw_usage_entries(previous)):
        out.append(chunk(None, raw_usage=usage))
    if call.include_raw_response and failed_attempts:
        out.append(chunk(None, raw_response=list(failed_attempts)))
    if call.include_raw_response and (answers := raw_response_entries(previous)):
        out.append(chunk(None, raw_response=answers))
    return out


def public_chunk(call: InferenceCall, variant_name: str, shown: Any, extra: Mapping[str, Any]) -> Chunk:
    """`shown`: content blocks, or text for a JSON function; None stands for either with nothing in it."""
    is_json = call.function.type == "json"
    return {
        "inference_id": call.inference_id,
        "episode_id": call.episode_id,
        "variant_name": variant_name,
        "raw" if is_json else "content": shown or ("" if is_json else []),
        **extra,
    }
