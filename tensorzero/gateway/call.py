"""One checked call of `POST /inference`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tensorzero.gateway.config.sections import ExtraBody, ExtraHeader, FunctionConfig
from tensorzero.gateway.schemas.validation import Schema
from tensorzero.gateway.templates.environment import Templates
from tensorzero.gateway.tool_settings import ToolSettings
from tensorzero.inputs.blocks import Input
from tensorzero.masking.reprs import discreet
from tensorzero.runtime.deadline import Deadline
from tensorzero.runtime.runtime import Runtime

if TYPE_CHECKING:
    from tensorzero.clickhouse.database import Database
    from tensorzero.gateway.files.call_files import CallFiles
    from tensorzero.gateway.rate_limits.limits import RateLimits


@dataclass(slots=True)
class Silence:
    """Until when (on `time.monotonic()`) the cache is not asked: it did not answer in time."""

    until: float = 0.0


@discreet()
@dataclass(frozen=True, slots=True)
class CacheOptions:
    """How one call uses the inference cache; it does one of the two at least. `max_age_s` None: entries never grow old."""

    database: Database
    silence: Silence
    reads: bool
    writes: bool
    max_age_s: int | None = None
    fetches_files: bool = False


@discreet("credentials", "extra_headers")
@dataclass(frozen=TYPE_CHECKING, slots=True)
class InferenceCall:
    """One checked call: everything about it that does not depend on the variant.

    Frozen for the type checker, which sees every line; while it runs, that would cost each call 2 microseconds.

    `schema` is what the output has to fit: the call's own `output_schema`, else the function's.
    """

    runtime: Runtime
    inference_id: str
    episode_id: str
    function: FunctionConfig
    input: Input
    started: float
    params: Mapping[str, Any]
    stream: bool = False
    dryrun: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    include_original_response: bool = False
    include_raw_response: bool = False
    include_raw_usage: bool = False
    deadline: Deadline | None = None
    tools: ToolSettings | None = None
    schema: Schema | None = None
    limits: RateLimits | None = None
    include_aggregated_response: bool = False
    credentials: Mapping[str, str] = field(default_factory=dict)
    extra_body: Sequence[ExtraBody] = ()
    extra_headers: Sequence[ExtraHeader] = ()
    cache: CacheOptions | None = None
    files: CallFiles | None = None
    templates: Templates | None = None  # of a call that brings its own variant
    extra_cache_key: str | None = None
