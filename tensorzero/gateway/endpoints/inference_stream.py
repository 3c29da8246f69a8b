"""`POST /inference` with `stream = true`.

Chunks go out as they come, without usage and finish reason; one last chunk carries both, and the rows are in the spool
before it is handed out.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.sections import VariantConfig
from tensorzero.gateway.endpoints.inference import first_success
from tensorzero.gateway.endpoints.inference_request import CheckedRequest
from tensorzero.gateway.endpoints.stored_files import store_files
from tensorzero.gateway.endpoints.usage import NOTHING_SPENT, is_known, raw_usage_entry, total_usage
from tensorzero.gateway.endpoints.whole_stream import WholeStream, preamble, public_chunk
from tensorzero.gateway.errors import Attempts, GatewayError
from tensorzero.gateway.functions.collecting import Collector
from tensorzero.gateway.functions.outputs import output_of
from tensorzero.gateway.models.cost import cost_of
from tensorzero.gateway.recording import inference_rows, raw_chunks
from tensorzero.gateway.values import Block, ModelInference, ProviderChunk, Usage, VariantResult
from tensorzero.gateway.variants import run as variants
from tensorzero.gateway.variants.chat_completion import VariantStream
from tensorzero.runtime.deadline import DeadlineExceeded

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

Batch = list[Any]


async def open_stream(gateway: Gateway, asked: CheckedRequest) -> InferenceStream | WholeStream:
    """Returns when the first chunk is there. Raises what a plain call would until then."""

    async def run(variant: VariantConfig, failed: Attempts) -> InferenceStream | WholeStream:
        opened = await variants.stream(gateway, variant, asked.call)
        if isinstance(opened, VariantResult):
            return WholeStream(gateway, asked.call, opened, failed)
        return InferenceStream(gateway, asked.call, variant.name, opened, failed)

    return (await first_success(asked, run))[0]


class InferenceStream:
    """Batches of public chunks. An exception in a batch is raised at its turn, and the stream goes on after it."""

    def __init__(
        self,
        gateway: Gateway,
        call: InferenceCall,
        variant_name: str,
        opened: VariantStream,
        failed_variants: Attempts,
    ) -> None:
        self._gateway = gateway
        self._call = call
        self._variant_name = variant_name
        self._ready = opened.ready
        self._stream = opened.stream
        self._previous = opened.previous
        self._failed_variants = failed_variants
        self._json = call.function.type == "json"
        self._as_text = opened.ready.json_mode == "tool"
        self._collected = Collector()
        self._raw: list[str] = []
        self._usage = Usage()
        self._finish_reason: str | None = None
        self._reported: ModelInference | None = None
        self._recorded = False
        self._dropped = False
        self._lock = threading.RLock()
        self._batches = self._run()

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        try:
            return await self._batches.__anext__()
        except RuntimeError:
            if self._dropped:  # another thread is just ending it
                raise StopAsyncIteration from None
            raise

    async def aclose(self) -> None:
        """Drop the stream: the connection is closed and nothing is stored, as in the original."""
        self._dropped = True
        batches: Any = self._batches
        if not batches.ag_running:  # else another task or thread waits for its next batch: the closed connection wakes it
            with contextlib.suppress(RuntimeError):  # that thread may have begun only now
                await batches.aclose()
        await self._stream.close()

    async def stop(self, tags: Mapping[str, str]) -> None:
        """Drop the stream and store what has arrived, with `tags` added. Nothing happens after the last chunk."""
        await self.aclose()
        self._call.tags.update(tags)
        await store_files(self._gateway, self._call)
        self._record()

    async def _run(self) -> AsyncIterator[Batch]:
        before = preamble(self._call, self._chunk, self._failed_variants, self._stream.failed, self._previous)
        if before:
            yield before
        public = self._public_json if self._json else self._public
        try:
            async for batch in self._stream.batches():
                out = public(batch)
                if out and not self._dropped:
                    yield out
        except DeadlineExceeded as passed:
            if self._dropped:
                return
            yield [passed.deadline.error()]
        if self._dropped:
            return
        last = self._last_chunk()
        await store_files(self._gateway, self._call)
        self._record()
        yield [last]

    def _public(self, batch: list[ProviderChunk | GatewayError]) -> Batch:
        """What of a batch goes out, and everything of it into the books."""
        call = self._call
        raw_wanted = (call.include_raw_response or call.include_original_response) and not self._stream.cached
        head = {"inference_id": call.inference_id, "episode_id": call.episode_id, "variant_name": self._variant_name}
        out: Batch = []
        add, keep_raw, as_text = self._collected.add, self._raw.append, self._as_text
        for chunk in batch:
            if not isinstance(chunk, tuple):
                out.append(chunk)
                continue
            content, raw, usage, finish_reason, raw_usage = chunk
            keep_raw(raw)
            if content:
                add(content)
                if as_text:
                    content = [_as_text(block) for block in content]
            if finish_reason is not None:
                self._finish_reason = finish_reason
            if usage is not None:
                self._usage.keep_largest(usage)
            if raw_wanted or (call.include_raw_usage and usage is not None and raw_usage is not None):
                out.append(self._detailed(chunk, content))
            elif content:
                out.append({**head, "content": content})
        return out

    def _public_json(self, batch: list[ProviderChunk | GatewayError]) -> Batch:
        """The same for a JSON function: text in place of blocks, and chunks that add nothing are left out."""
        call = self._call
        raw_wanted = (call.include_raw_response or call.include_original_response) and not self._stream.cached
        out: Batch = []
        for chunk in batch:
            if not isinstance(chunk, tuple):
                out.append(chunk)
                continue
            self._note(chunk)
            text = self._collected.add_json(chunk.content) or ""
            if raw_wanted or (call.include_raw_usage and chunk.usage is not None and chunk.raw_usage is not None):
                out.append(self._detailed(chunk, text))
            elif text:
                out.append(self._chunk(text))
        return out

    def _note(self, chunk: ProviderChunk) -> None:
        self._raw.append(chunk.raw)
        if chunk.finish_reason is not None:
            self._finish_reason = chunk.finish_reason
        if chunk.usage is not None:
            self._usage.keep_largest(chunk.usage)

    def _detailed(self, chunk: ProviderChunk, shown: Any) -> dict[str, Any]:
        call, extra = self._call, {}
        if call.include_raw_usage and is_known(chunk.usage, chunk.raw_usage):
            if self._reported is None:
                self._reported = self._model_inference()  # one for all its entries, which have one id
            extra["raw_usage"] = [raw_usage_entry(self._reported, chunk.raw_usage)]
        if call.include_original_response:
            extra["original_chunk"] = self._stream.masked(chunk.raw)
        if call.include_raw_response:
            extra["raw_chunk"] = self._stream.masked(chunk.raw)
        return self._chunk(shown, **extra)

    def _chunk(self, shown: Any, **extra: Any) -> dict[str, Any]:
        """`shown`: content blocks, or text for a JSON function; nothing stands for either."""
        return public_chunk(self._call, self._variant_name, shown, extra)

    def _last_chunk(self) -> dict[str, Any]:
        cached = self._stream.cached
        self._usage.cost = 0.0 if cached else cost_of(self._stream.config.cost, self._raw, streaming=True)
        if self._stream.ticket is not None:
            self._stream.ticket.settle(self._usage)
        spent = NOTHING_SPENT if cached else self._usage  # a kept stream hides what came before it (observed 2026.6.0)
        if self._previous and not cached:
            spent = total_usage([self._model_inference(), *self._previous])
        extra: dict[str, Any] = {"usage": spent.public()}
        if self._finish_reason is not None:
            extra["finish_reason"] = self._finish_reason
        if self._call.include_aggregated_response:
            output, _ = output_of(self._call, self._collected.content(), self._ready.json_mode)
            extra["aggregated_response"] = {"output" if self._json else "content": output}
        return self._chunk([], **extra)

    def _model_inference(self) -> ModelInference:
        stream = self._stream
        return ModelInference(
            stream.call.model_inference_id,
            stream.model.name,
            stream.config.name,
            stream.provider.type,
            stream.call.request,
            self._collected.content(),
            self._usage,
            self._finish_reason,
            stream.raw_request,
            stream.masked(raw_chunks(self._raw)),
            round((time.monotonic() - stream.started) * 1000),
            None,
            stream.provider.api_type,
            stream.ttft_ms,
            stream.cached,
        )

    def _record(self) -> None:
        if self._call.dryrun or not self._gateway.records:
            return
        with self._lock:  # the end of the stream and a stop may come at the same moment
            if self._recorded:
                return
            self._recorded = True
        inference = self._model_inference()
        output, auxiliary = output_of(self._call, inference.content, self._ready.json_mode)
        result = VariantResult(
            self._variant_name,
            output,
            [inference, *self._previous],
            self._finish_reason,
            self._ready.params,
            auxiliary,
        )
        ttft_ms = round((self._stream.started - self._call.started) * 1000) + self._stream.ttft_ms
        self._gateway.write(inference_rows(self._call, result, self._gateway.snapshot_hash, ttft_ms))


def _as_text(chunk: Block) -> Block:
    """JSON mode `tool`: arguments of the one tool are the answer's text."""
    if chunk["type"] != "tool_call":
        return chunk
    return {"type": "text", "text": chunk["raw_arguments"], "id": chunk["id"]}
