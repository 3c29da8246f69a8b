"""How clients are built, and what both have in common."""

from __future__ import annotations

import base64
import os
import warnings
from typing import TYPE_CHECKING, Any

from tensorzero.clients import arguments
from tensorzero.clients.former_names import FormerMethods
from tensorzero.clients.inference_body import inference_body, trace_headers
from tensorzero.clients.native import Native, is_own, native_repr
from tensorzero.clients.transport import Call, Transport
from tensorzero.masking.known import learn, learn_url
from tensorzero.routes import CONFIG
from tensorzero.runtime.drive import drive
from tensorzero.types import TensorZeroInternalError

if TYPE_CHECKING:
    from tensorzero.clients.config_views import Config
    from tensorzero.runtime.runtime import Runtime

NO_CONFIG = (
    "No config file provided, so only default functions will be available. "
    'Use `config_file="path/to/tensorzero.toml"` to specify a config file.'
)

WITHOUT_DATASET = (
    "Calling get_datapoints without a dataset name is deprecated. Please provide a dataset name for performance reasons."
)
_NO_CONFIG_OVER_HTTP = (
    'Failed to get config: Other { source: TensorZeroInternalError(Error(InvalidClientMode { mode: "Http", message: "This '
    'function is only available in EmbeddedGateway mode" })) }'
)
_REMOVED = "will be removed in a future release (2026.6+ / #6745)."
_INSTEAD = "Please use `experimental_launch_optimization_workflow` instead."
RENDER_SAMPLES = f"`experimental_render_samples` {_REMOVED} {_INSTEAD}"
LAUNCH_OPTIMIZATION = f"`experimental_launch_optimization` {_REMOVED} {_INSTEAD}"


class BaseTensorZeroGateway(FormerMethods, Native):
    """The parent of both clients. Not to be made."""

    __slots__ = ("__weakref__", "_http", "_runtime", "_transport")
    _open_to_others = True
    _transport: Transport
    _runtime: Runtime
    _http: bool

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Any:
        prefix = "builtins." if is_own(cls) else ""
        raise TypeError(f"cannot create '{prefix}{cls.__name__}' instances")

    def __repr__(self) -> str:
        return native_repr(self)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in BaseTensorZeroGateway.__slots__ and is_own(type(self)):
            fault = f"attribute '{name}' is read-only" if hasattr(type(self), name) else f"has no attribute '{name}'"
            raise AttributeError(f"'builtins.{type(self).__name__}' object {fault}", name=name, obj=self)
        super().__setattr__(name, value)

    def _prepare_inference_request(
        self,
        *,
        input: dict[str, Any],  # noqa: A002  # the public name
        function_name: str | None = None,
        model_name: str | None = None,
        episode_id: Any = None,
        namespace: str | None = None,
        stream: bool | None = None,
        params: dict[str, Any] | None = None,
        variant_name: str | None = None,
        dryrun: bool | None = None,
        output_schema: dict[str, Any] | None = None,
        allowed_tools: list[str] | None = None,
        provider_tools: list[Any] | None = None,
        additional_tools: list[dict[str, Any]] | None = None,
        tool_choice: Any = None,
        parallel_tool_calls: bool | None = None,
        internal: bool | None = None,
        tags: dict[str, str] | None = None,
        credentials: dict[str, str] | None = None,
        cache_options: dict[str, Any] | None = None,
        extra_body: list[Any] | None = None,
        extra_headers: list[Any] | None = None,
        include_original_response: bool | None = None,
        include_raw_response: bool | None = None,
        include_raw_usage: bool | None = None,
        include_aggregated_response: bool | None = None,
        otlp_traces_extra_headers: dict[str, str] | None = None,
        otlp_traces_extra_attributes: dict[str, str] | None = None,
        otlp_traces_extra_resources: dict[str, str] | None = None,
        internal_dynamic_variant_config: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The body that `inference` with these arguments sends over the wire; nothing is sent."""
        given = {name: value for name, value in locals().items() if value is not None}
        from tensorzero.clients.encoded_body import whole_body

        body = inference_body(given)
        trace_headers(given)
        return whole_body(body)

    def experimental_get_config(self) -> Config:
        """The configuration of an embedded gateway. ValueError over HTTP."""
        if self._http:
            raise ValueError(_NO_CONFIG_OVER_HTTP)
        from tensorzero.clients.config_views import Config
        from tensorzero.runtime.blocking import BlockingRuntime

        call = Call(CONFIG, None, Config._of)  # pyright: ignore[reportPrivateUsage]
        return call.read(drive(self._transport.send(call, BlockingRuntime())))

    def _embedded_only(self, name: str) -> None:
        if self._http:
            raise ValueError(f"Config not available in HTTP gateway mode. Use embedded mode for {name}.")

    def _launches_here(self) -> None:
        if self._http:
            raise TensorZeroInternalError(
                "Internal TensorZero Error: Invalid client mode: Http. This function is only available in EmbeddedGateway mode"
            )

    def _gepa_needs_http(self) -> None:
        if not self._http:
            raise TensorZeroInternalError(
                "Internal TensorZero Error: Invalid client mode: Embedded. GEPA requires HTTP gateway with Postgres for "
                "durable execution"
            )


def http_transport(gateway_url: Any, timeout: Any, verbose_errors: Any, api_key: Any) -> Transport:
    """No connection is made. The key comes from `TENSORZERO_API_KEY` where it is not given, else from the URL's user."""
    learn_url(gateway_url if isinstance(gateway_url, str) else "")
    learn(api_key if isinstance(api_key, str) else None)
    url, user = arguments.gateway_url(gateway_url)
    seconds = arguments.timeout_s(timeout)
    verbose = arguments.switch("verbose_errors", verbose_errors)
    key = arguments.optional_text("api_key", api_key)
    if key is None:
        key = os.environ.get("TENSORZERO_API_KEY")
    authorization = None if key is None else f"Bearer {key}"
    if authorization is None and user is not None:
        text = user if ":" in user else f"{user}:"
        authorization = f"Basic {base64.b64encode(text.encode()).decode()}"
    if authorization is not None and not arguments.is_header_value(authorization):
        reason = "Failed to create authorization header: failed to parse header value"
        raise TensorZeroInternalError(f"Failed to construct TensorZero client: {reason}")
    from tensorzero.clients.http_transport import HttpTransport

    return HttpTransport(url, seconds, verbose, authorization)


def embedded_arguments(
    config_file: Any, clickhouse_url: Any, postgres_url: Any, valkey_url: Any, timeout: Any
) -> tuple[str | None, str | None, float | None]:
    """What `EmbeddedTransport.build` takes. Warnings point at the line that called the builder."""
    for name, value in (("config_file", config_file), ("clickhouse_url", clickhouse_url)):
        arguments.optional_text(name, value)
    for name, value in (("postgres_url", postgres_url), ("valkey_url", valkey_url)):
        if arguments.optional_text(name, value) is not None:
            warnings.warn(f"`{name}` has no meaning here: this gateway stores everything in ClickHouse.", UserWarning, 4)
    seconds = arguments.timeout_s(timeout)
    if config_file is None:
        warnings.warn(NO_CONFIG, UserWarning, stacklevel=4)
    return config_file, clickhouse_url, seconds


def embedded_transport(config_file: str | None, clickhouse_url: str | None, timeout_s: float | None) -> Transport:
    """Loads the configuration and opens the database: blocking."""
    from tensorzero.clients.embedded_transport import EmbeddedTransport
    from tensorzero.clients.failures import not_constructed

    try:
        return EmbeddedTransport.build(config_file, clickhouse_url, timeout_s)
    except Exception as error:  # noqa: BLE001 - failures of every room; those without a hint pass unchanged
        not_constructed(error)
