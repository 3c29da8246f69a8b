"""The arguments of `inference` but `stream`, for type checkers: `stream` decides what is returned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    import uuid_utils
    from typing_extensions import Required

    from tensorzero.generated_types import ExtraBody, ExtraHeader
    from tensorzero.types import InferenceInput, ToolChoice
    from tensorzero.util import UUID


class InferenceArguments(TypedDict, total=False):
    """Those that are left out are None. Their meaning: `TensorZeroGateway.inference`."""

    input: Required[InferenceInput | dict[str, Any]]
    function_name: str | None
    model_name: str | None
    episode_id: str | UUID | uuid_utils.UUID | None
    namespace: str | None
    params: dict[str, Any] | None
    variant_name: str | None
    dryrun: bool | None
    output_schema: dict[str, Any] | None
    allowed_tools: list[str] | None
    additional_tools: list[dict[str, Any]] | None
    provider_tools: list[Any] | None
    tool_choice: ToolChoice | Literal["none"] | None
    parallel_tool_calls: bool | None
    internal: bool | None
    tags: dict[str, str] | None
    credentials: dict[str, str] | None
    cache_options: dict[str, Any] | None
    extra_body: list[ExtraBody | dict[str, Any]] | None
    extra_headers: list[ExtraHeader | dict[str, Any]] | None
    include_original_response: bool | None
    include_raw_response: bool | None
    include_raw_usage: bool | None
    include_aggregated_response: bool | None
    otlp_traces_extra_headers: dict[str, str] | None
    otlp_traces_extra_attributes: dict[str, str] | None
    otlp_traces_extra_resources: dict[str, str] | None
    internal_dynamic_variant_config: dict[str, Any] | None
    gateway_http_headers: dict[str, str] | None
