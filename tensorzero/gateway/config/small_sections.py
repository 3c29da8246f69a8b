"""`[metrics]`, `[tools]`, `[provider_types]` and `[object_storage]`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tensorzero.gateway.config.catalog import CATALOG, ProviderType
from tensorzero.gateway.config.functions_section import build_schema
from tensorzero.gateway.config.mistakes import Mistakes, Place
from tensorzero.gateway.config.sections import CredentialLocation, MetricConfig, ToolConfig
from tensorzero.gateway.config.shapes import (
    INVALID,
    Choice,
    Field,
    FileText,
    Flag,
    Identifier,
    Record,
    Shape,
    Table,
    Text,
    wrong_type,
)  # fmt: skip
from tensorzero.gateway.config.shared_shapes import Location, build_location
from tensorzero.parsing.words import quoted

METRICS = Table(
    Record(
        "MetricConfig",
        (
            Field("type", Choice(("boolean", "float")), required=True),
            Field("optimize", Choice(("min", "max")), required=True),
            Field("level", Choice(("inference", "episode")), required=True),
            Field("description", Text()),
        ),
    )
)
TOOLS = Table(
    Record(
        "UninitializedToolConfig",
        (
            Field("description", Text(), required=True),
            Field("parameters", FileText(), required=True),
            Field("name", Text()),
            Field("strict", Flag(), default=False),
        ),
    )
)
_METRIC_NAME = re.compile(r"[A-Za-z0-9_\-.:/]+\Z")


def build_metrics(read: Mapping[str, Any], mistakes: Mistakes) -> dict[str, MetricConfig]:
    for name in read:
        keys = ("metrics", name)
        if name in ("comment", "demonstration"):
            mistakes.say(f"Metric name '{name}' is reserved and cannot be used", keys)
        elif name.startswith("tensorzero::"):
            mistakes.say(f"Metric name cannot start with 'tensorzero::': {name}", keys)
        elif not _METRIC_NAME.match(name):
            rule = "Only ASCII alphanumeric characters, underscores, hyphens, dots, colons, and forward slashes are permitted."
            mistakes.say(f"Metric name `{name}` contains characters that are not allowed. {rule}", keys)
    return {name: MetricConfig(**metric) for name, metric in read.items()}


def build_tools(read: Mapping[str, Any], mistakes: Mistakes) -> dict[str, ToolConfig]:
    tools: dict[str, ToolConfig] = {}
    for key, tool in read.items():
        if key.startswith("tensorzero::"):
            mistakes.say(f"Tool name cannot start with 'tensorzero::': {key}", ("tools", key))
        parameters = build_schema(tool["parameters"], ("tools", key, "parameters"), mistakes)
        tools[key] = ToolConfig(key, tool.get("name", key), tool["description"], parameters, tool["strict"])
    return tools


def _texts(required: tuple[str, ...], optional: tuple[str, ...] = ()) -> tuple[Field, ...]:
    return (*(Field(name, Text(), required=True) for name in required), *(Field(name, Text()) for name in optional))


class _StorageChoice:
    """`gcp_vertex_gemini.batch`: a standard `type` key called `storage_type`."""

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if not isinstance(value, Mapping):
            wrong_type(value, "internally tagged enum GCPBatchConfigType", place, mistakes)
            return INVALID
        if "storage_type" not in value:
            mistakes.at(place, "missing field `storage_type`")
            return INVALID
        kind = Identifier(("none", "cloud_storage")).read(value["storage_type"], place.key("storage_type"), mistakes)
        if kind != "cloud_storage":
            return INVALID if kind is INVALID else {"storage_type": kind}
        rest = {key: item for key, item in value.items() if key != "storage_type"}
        read = Record("GCPBatchConfigCloudStorage", _texts(("input_uri_prefix", "output_uri_prefix"))).read(
            rest, place.freeze(), mistakes
        )
        return INVALID if read is INVALID else {"storage_type": kind, **read}


_SFT: dict[str, tuple[Field, ...]] = {
    "fireworks": (Field("sft", Record("FireworksSFTConfig", _texts(("account_id",)))),),
    "together": (
        Field(
            "sft",
            Record("TogetherSFTConfig", _texts((), ("wandb_api_key", "wandb_base_url", "wandb_project_name", "hf_api_token"))),
        ),
    ),
    "gcp_vertex_gemini": (
        Field("batch", _StorageChoice()),
        Field(
            "sft",
            Record(
                "GCPSFTConfig",
                _texts(("project_id", "region", "bucket_name"), ("bucket_path_prefix", "service_account", "kms_key_name")),
            ),
        ),
    ),
}


def _type_config(kind: ProviderType) -> Record:
    gcp = kind.credential_key == "credential_location"
    defaults = Record(
        "GCPDefaults" if gcp else f"{kind.section}Defaults", (Field(kind.credential_key, Location(), required=True),), open=True
    )
    fields = (*_SFT.get(kind.name, ()), Field("defaults", defaults))
    return Record(f"{kind.section}ProviderTypeConfig", fields, open=not gcp)


def _in_order(kind: ProviderType) -> str:
    """By name, but for Gemini, which the original puts before its sibling."""
    return kind.name.replace("vertex_gemini", "vertex_a")


PROVIDER_TYPES = Record(
    "ProviderTypesConfig",
    tuple(Field(kind.name, _type_config(kind)) for kind in sorted(CATALOG, key=_in_order) if kind.section),
)


def build_provider_defaults(read: Mapping[str, Any]) -> dict[str, CredentialLocation]:
    """Where keys of each provider type come from, for the types whose `defaults` say so."""
    found: dict[str, CredentialLocation] = {}
    for kind, settings in read.items():
        for written in settings.get("defaults", {}).values():
            if (location := build_location(written)) is not None:
                found[kind] = location
    return found


class _ObjectStorage:
    """A standard `type` key: the original prints no path below the section, and ignores keys it does not know."""

    kinds: ClassVar[dict[str, Record]] = {
        "s3_compatible": Record(
            "S3Compatible",
            (Field("bucket_name", Text()), Field("region", Text()), Field("endpoint", Text()), Field("allow_http", Flag())),
            open=True,
        ),
        "filesystem": Record("Filesystem", (Field("path", Text(), required=True),), open=True),
        "disabled": Record("Disabled", (), open=True),
    }

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if not isinstance(value, Mapping):
            wrong_type(value, "internally tagged enum StorageKind", place, mistakes)
            return INVALID
        if "type" not in value:
            mistakes.at(place, "missing field `type`")
            return INVALID
        kind = Identifier(tuple(self.kinds)).read(value["type"], place.key("type"), mistakes)
        if kind is INVALID:
            return INVALID
        rest = {key: item for key, item in value.items() if key != "type"}
        read = self.kinds[kind].read(rest, place.freeze(), mistakes)
        return INVALID if read is INVALID else {"type": kind, **read}


OBJECT_STORAGE: Shape = _ObjectStorage()


def check_object_storage(read: Mapping[str, Any], mistakes: Mistakes) -> None:
    named = read.get("bucket_name") or os.environ.get("AWS_BUCKET") or os.environ.get("AWS_BUCKET_NAME")
    if read.get("type") == "s3_compatible" and not named:
        shown = ", ".join(f"{key}: {_optional(read.get(key))}" for key in ("bucket_name", "region", "endpoint", "allow_http"))
        config = f"`S3Compatible {{ {shown} }}`"
        reason = "Generic S3 error: Missing bucket name"
        message = f"Failed to create S3-compatible object store with config {config}: {reason}"
        mistakes.say(message, ("object_storage", "bucket_name"))
    if read.get("type") == "filesystem" and not Path(read["path"]).exists():
        message = f"Failed to create filesystem object store: path does not exist: {read['path']}"
        mistakes.say(message, ("object_storage", "path"))


def _optional(value: Any) -> str:
    if value is None:
        return "None"
    return f"Some({str(value).lower() if isinstance(value, bool) else quoted(value)})"
