"""What delivery must know about a table: when its rows go, how a row is recognised, and which rows views derive from it."""

from __future__ import annotations

import re
from dataclasses import dataclass

INFERENCE_TABLES = (
    "ModelInference",
    "ChatInference",
    "JsonInference",
    "BatchRequest",
    "BatchModelInference",
    "ModelInferenceCache",
)
"""Reach the database before every other table, in this order: views on feedback look up the inferences it is about."""

TARGET_TABLES = {"ChatInference": "chat", "JsonInference": "json"}
"""Tables whose rows feedback can be about, and the function type that they mean."""

CACHE_TABLE = "ModelInferenceCache"

IDENTITIES = {
    "ChatInference": "id",
    "JsonInference": "id",
    "ModelInference": "id",
    "BatchRequest": "id",
    "BatchModelInference": "inference_id",
    "BooleanMetricFeedback": "id",
    "FloatMetricFeedback": "id",
    "CommentFeedback": "id",
    "DemonstrationFeedback": "id",
    "StaticEvaluationHumanFeedback": "feedback_id",
    "DynamicInContextLearningExample": "id",
}
"""The UUID column that tells a table's rows apart. Other tables replace rows by key: writing one again is harmless."""


@dataclass(frozen=True, slots=True)
class Derived:
    """Rows that a view makes out of a table's rows, where the original row's id can be read back from them.

    `key`: the id as it stands in the target, UUID or (`key_is_number`) its 128-bit number.
    `wanted`: which source rows have derived rows at all.
    """

    view: str
    target: str
    key: str
    key_is_number: bool = False
    wanted: str = "1"


def _inference(kind: str) -> tuple[Derived, ...]:
    return (
        Derived(f"{kind}InferenceByIdView", "InferenceById", "id_uint", key_is_number=True),
        Derived(f"{kind}InferenceByEpisodeIdView", "InferenceByEpisodeId", "id_uint", key_is_number=True),
        Derived(f"{kind}InferenceTagView", "InferenceTag", "inference_id", wanted="notEmpty(tags)"),
        Derived(f"Tag{kind}InferenceView", "TagInference", "inference_id", wanted="notEmpty(tags)"),
    )


def _metric(kind: str) -> tuple[Derived, ...]:
    source = f"{kind}MetricFeedback"
    return (
        Derived(f"{source}ByTargetIdView", f"{source}ByTargetId", "id"),
        Derived(f"{source}TagView", "FeedbackTag", "feedback_id", wanted="notEmpty(tags)"),
        Derived(f"{source}ByVariantView", f"{source}ByVariant", "id_uint", key_is_number=True),
    )


DERIVED = {
    "ChatInference": _inference("Chat"),
    "JsonInference": _inference("Json"),
    "BooleanMetricFeedback": _metric("Boolean"),
    "FloatMetricFeedback": _metric("Float"),
    "CommentFeedback": (
        Derived("CommentFeedbackByTargetIdView", "CommentFeedbackByTargetId", "id"),
        Derived("CommentFeedbackTagView", "FeedbackTag", "feedback_id", wanted="notEmpty(tags)"),
    ),
    "DemonstrationFeedback": (
        Derived("DemonstrationFeedbackByInferenceIdView", "DemonstrationFeedbackByInferenceId", "id"),
        Derived("DemonstrationFeedbackTagView", "FeedbackTag", "feedback_id", wanted="notEmpty(tags)"),
    ),
    "BatchModelInference": (Derived("BatchIdByInferenceIdView", "BatchIdByInferenceId", "inference_id"),),
}

_RANKS = {name: rank for rank, name in enumerate(INFERENCE_TABLES)}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def delivery_rank(table: str) -> int:
    """Smaller goes first."""
    return _RANKS.get(table, len(_RANKS))


def quoted(name: str) -> str:
    """A database's name as an identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def is_table_name(name: str) -> bool:
    return _NAME.match(name) is not None
