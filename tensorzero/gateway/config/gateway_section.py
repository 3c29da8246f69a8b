"""`[gateway]`, and the sections that mean something to the original's server only: they load, with a warning."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from typing import Any

from tensorzero.gateway.config.mistakes import Mistakes, Place
from tensorzero.gateway.config.sections import CredentialLocation, GatewayConfig
from tensorzero.gateway.config.shapes import (
    INVALID,
    U32,
    U64,
    USIZE,
    Choice,
    Field,
    FileText,
    Flag,
    Items,
    Real,
    Record,
    Table,
    Text,
    dig,
    wrong_type,
)  # fmt: skip
from tensorzero.gateway.config.shared_shapes import TEXTS, Location, Url, build_location

BUCKETS = "tensorzero_inference_latency_overhead_seconds_buckets"


class _SocketAddress:
    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if not isinstance(value, str):
            wrong_type(value, "a string", place, mistakes)
            return INVALID
        host, _, port = value.rpartition(":")
        try:
            address = ipaddress.ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
        except ValueError:
            address = None
        bracketed = host.startswith("[")
        if address is None or bracketed != (address.version == 6) or not port.isdecimal() or int(port) > 65535:
            mistakes.at(place, "invalid socket address syntax")
            return INVALID
        return value


def _batch_writes() -> dict[str, Any]:
    return {"enabled": False, "__force_allow_embedded_batch_writes": False, "flush_interval_ms": 100, "max_rows": 1000}


_OBSERVABILITY = Record(
    "ObservabilityConfig",
    (
        Field("enabled", Flag()),
        Field("backend", Choice(("auto", "clickhouse", "postgres"))),
        Field("async_writes", Flag(), default=False),
        Field(
            "batch_writes",
            Record(
                "BatchWritesConfig",
                (
                    Field("enabled", Flag(), required=True),
                    Field("__force_allow_embedded_batch_writes", Flag(), default=False),
                    Field("flush_interval_ms", U64, default=100),
                    Field("max_rows", USIZE, default=1000),
                    Field("max_rows_postgres", USIZE),
                    Field("write_queue_capacity", USIZE),
                ),
            ),
            default=_batch_writes,
        ),
        Field("disable_automatic_migrations", Flag(), default=False),
    ),
)
_TRACES = Record(
    "OtlpTracesConfig",
    (
        Field("enabled", Flag()),
        Field("format", Choice(("opentelemetry", "openinference"))),
        Field("extra_headers", Table(Text())),
        Field("include_content", Flag()),
    ),
)
GATEWAY = Record(
    "UninitializedGatewayConfig",
    (
        Field("bind_address", _SocketAddress()),
        Field(
            "observability",
            _OBSERVABILITY,
            default=lambda: {"async_writes": False, "batch_writes": _batch_writes(), "disable_automatic_migrations": False},
        ),
        Field("debug", Flag(), default=False),
        Field(
            "template_filesystem_access",
            Record("TemplateFilesystemAccess", (Field("enabled", Flag()), Field("base_path", FileText()))),
        ),
        Field(
            "export",
            Record("ExportConfig", (Field("otlp", Record("OtlpConfig", (Field("traces", _TRACES),))),)),
            default=dict,
        ),
        Field("base_path", Text()),
        Field("unstable_disable_feedback_target_validation", Flag(), default=False),
        Field("unstable_error_json", Flag(), default=False),
        Field("disable_pseudonymous_usage_analytics", Flag(), default=False),
        Field("fetch_and_encode_input_files_before_inference", Flag()),
        Field(
            "auth",
            Record(
                "AuthConfig",
                (
                    Field("enabled", Flag(), required=True),
                    Field(
                        "cache",
                        Record(
                            "GatewayAuthCacheConfig",
                            (Field("enabled", Flag(), default=True), Field("ttl_ms", U64, default=1000)),
                        ),
                    ),
                ),
            ),
            default=lambda: {"enabled": False},
        ),
        Field("global_outbound_http_timeout_ms", U64),
        Field("global_outbound_http_intra_stream_read_timeout_ms", U64),
        Field(
            "relay",
            Record("UninitializedRelayConfig", (Field("gateway_url", Url()), Field("api_key_location", Location()))),
        ),
        Field("metrics", Record("MetricsConfig", (Field(BUCKETS, Items(Real())),)), default=dict),
        Field(
            "cache",
            Record(
                "ModelInferenceCacheConfig",
                (
                    Field("enabled", Flag()),
                    Field("backend", Choice(("auto", "clickhouse", "valkey"))),
                    Field(
                        "valkey",
                        Record("ValkeyModelInferenceCacheConfig", (Field("ttl_s", U64, default=86400),), needed=0),
                        default=lambda: {"ttl_s": 86400},
                    ),
                ),
            ),
            default=lambda: {"valkey": {"ttl_s": 86400}},
        ),
    ),
)
CLICKHOUSE = Record("ClickHouseConfig", (Field("disable_automatic_migrations", Flag()),))
_POSTGRES = Record(
    "PostgresConfig",
    (
        Field("enabled", Flag()),
        Field("connection_pool_size", U32),
        Field("inference_metadata_retention_days", U32),
        Field("inference_data_retention_days", U32),
    ),
    open=True,
)


class _Postgres:
    """`enabled` is checked and not kept."""

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        read = _POSTGRES.read(value, place, mistakes)
        return read if read is INVALID else {key: item for key, item in read.items() if key != "enabled"}


POSTGRES = _Postgres()
AUTOPILOT = Record("AutopilotConfig", (Field("tool_whitelist", TEXTS),))


def build_gateway(read: Mapping[str, Any]) -> GatewayConfig:
    return GatewayConfig(
        read["observability"].get("enabled"),
        read.get("global_outbound_http_timeout_ms", 900_000),
        read.get("fetch_and_encode_input_files_before_inference", False),
        read["unstable_disable_feedback_target_validation"],
        read["cache"].get("enabled"),
        read["debug"],
        read,
    )


def check_gateway(read: Mapping[str, Any], document: Mapping[str, Any], mistakes: Mistakes) -> None:
    """Checks across keys. `document` is the configuration as written."""
    observability = ("gateway", "observability")
    batch = read["observability"]["batch_writes"]
    if batch["enabled"]:
        if dig(document, "gateway", "observability", "async_writes") is not False:
            mistakes.say(
                "Batch writes and async writes cannot be enabled at the same time. Async writes are enabled by default; to use "
                "batch writes, set `gateway.observability.async_writes = false`.",
                observability,
            )
        for key, what in (
            ("flush_interval_ms", "Batch writes flush interval must be greater than 0"),
            ("max_rows", "Batch writes max rows must be greater than 0"),
            ("max_rows_postgres", "Batch writes Postgres max rows must be greater than 0"),
            ("write_queue_capacity", "Batch writes `write_queue_capacity` must be greater than 0 when set"),
        ):
            if batch.get(key) == 0:
                mistakes.say(what, (*observability, "batch_writes", key))
    twice = dig(document, "clickhouse", "disable_automatic_migrations")
    if twice and read["observability"]["disable_automatic_migrations"]:
        mistakes.say(
            "`disable_automatic_migrations` is set in both `[clickhouse]` and `[gateway.observability]`. "
            "Remove it from `[gateway.observability]`.",
            observability,
        )
    _check_buckets(read["metrics"].get(BUCKETS, []), mistakes)
    location = build_location(read.get("relay", {}).get("api_key_location"))
    if location is not None and not _relay_can_use(location):
        mistakes.say("Invalid api_key_location for Tensorzero Relay mode", ("gateway", "relay", "api_key_location"))


def check_embedded(read: Mapping[str, Any], mistakes: Mistakes) -> None:
    """What a gateway inside a process refuses, said after everything else."""
    if read["observability"]["batch_writes"]["enabled"]:
        message = "`[gateway.observability.batch_writes]` is not yet supported in embedded gateway mode"
        mistakes.say(message, ("gateway", "observability", "batch_writes"))
    if read["auth"]["enabled"]:
        mistakes.say(
            "`[gateway.auth]` is not supported in embedded gateway mode. Authentication is only available when using HTTP "
            "gateway mode. Please either disable authentication by setting `gateway.auth.enabled = false` or use "
            "HTTP mode instead.",
            ("gateway", "auth"),
        )


def _relay_can_use(location: CredentialLocation) -> bool:
    if location.kind == "fallback":
        return all(one is not None and _relay_can_use(one) for one in (location.default, location.fallback))
    return location.kind in ("env", "dynamic", "none")


def _check_buckets(buckets: list[float], mistakes: Mistakes) -> None:
    name, keys = f"gateway.metrics.{BUCKETS}", ("gateway", "metrics", BUCKETS)
    for i, value in enumerate(buckets):
        if not math.isfinite(value):
            shown = "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
            mistakes.say(f"{name}[{i}] must be finite (not NaN or infinity), got: {shown}", keys)
        elif value < 0:
            mistakes.say(f"{name}[{i}] must be non-negative, got: {value:g}", keys)
        elif i and value <= buckets[i - 1]:
            order = f"buckets[{i}] ({value:g}) <= buckets[{i - 1}] ({buckets[i - 1]:g})"
            mistakes.say(f"{name} must be in strictly ascending order, but {order}", keys)


def meaningless(document: Mapping[str, Any]) -> list[str]:
    """A sentence for each part of a configuration that loads and does nothing here."""
    said = [
        (dig(document, "gateway", "relay") is not None, "`[gateway.relay]` is ignored: this gateway calls providers itself."),
        ("autopilot" in document, "`[autopilot]` is ignored: there is no autopilot here."),
        ("postgres" in document, "`[postgres]` is ignored: rows are written to ClickHouse only."),
        (
            dig(document, "gateway", "observability", "backend") == "postgres",
            '`gateway.observability.backend = "postgres"` is ignored: rows are written to ClickHouse only.',
        ),
        (
            dig(document, "gateway", "cache", "backend") == "valkey" or dig(document, "gateway", "cache", "valkey") is not None,
            "`gateway.cache` on Valkey is ignored: the cache is in ClickHouse.",
        ),
        (
            dig(document, "rate_limiting", "backend") in ("postgres", "valkey"),
            "`rate_limiting.backend` is ignored: limits are kept in this process.",
        ),
        (
            dig(document, "gateway", "export", "otlp", "traces", "enabled") is True,
            "`[gateway.export.otlp.traces]` is ignored: no traces are exported here.",
        ),
    ]
    return [sentence for holds, sentence in said if holds]
