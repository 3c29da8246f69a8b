"""What the frames are asked with, for type checkers: `as_` decides what is returned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from tensorzero.clickhouse.database import Database


class FrameOptions(TypedDict, total=False):
    """Of every frame; what they mean is said in `tensorzero_notebook.frames`."""

    ids: Any
    since: Any
    until: Any
    tags: Any
    limit: int | None
    columns: str | Iterable[str] | None
    database: Database | None


class InferenceOptions(FrameOptions, total=False):
    model: str | Iterable[str] | None
    episode: Any
    metrics: Any
    full: bool


class ModelInferenceOptions(InferenceOptions, total=False):
    inference: Any


class FeedbackOptions(FrameOptions, total=False):
    metric: str | Iterable[str] | None
    target: Any
    episode: Any


class EpisodeOptions(FrameOptions, total=False):
    model: str | Iterable[str] | None
    metrics: Any
