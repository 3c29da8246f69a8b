"""Thousands of rows in tables of several parts that no engine merges."""

from __future__ import annotations

import random
import uuid
from functools import cache
from typing import Any

from tensorzero.clickhouse.database import encode_row
from tensorzero.clickhouse.link import Link
from tensorzero.clickhouse.url import parse_url

PARTS, EACH = 3, 1200
START_MS = 1_790_000_000_000
VECTOR = (1.0, 0.5, 0.25)


def id_at(ms: int, tail: int) -> uuid.UUID:
    return uuid.UUID(int=(START_MS + ms) << 80 | 0x7 << 76 | 0x8 << 60 | tail)


EPISODES = [id_at(-number, number) for number in range(12)]


def _made() -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    numbers = list(range(PARTS * EACH))
    random.Random(7).shuffle(numbers)  # so that every part has old and new rows of every episode
    for place, number in enumerate(numbers):
        for table, row in _each(number, place // EACH):
            rows.setdefault(table, []).append(row)
    return rows


def _each(number: int, part: int) -> list[tuple[str, dict[str, Any]]]:
    inference_id, episode_id = id_at(number, number), EPISODES[number % len(EPISODES)]
    own = {"function_name": "draft", "variant_name": "ab"[number % 5 == 0], "episode_id": str(episode_id)}
    tags = {"part": str(part), "user": str(number % 9)}
    both = {**own, "inference_params": "{}", "processing_time_ms": 1, "tags": tags}
    given = '{"messages":[{"role":"user","content":[{"type":"text","text":"Hello"}]}]}'
    found: list[tuple[str, dict[str, Any]]] = [
        ("ChatInference", {"id": str(inference_id), "input": given, "output": '[{"type":"text","text":"Hi"}]', **both}),
        ("ModelInference", _model(number, inference_id)),
        ("BooleanMetricFeedback", _metric(number, 1, inference_id, "thumbs_up", number % 7 != 0, tags)),
        ("FloatMetricFeedback", _metric(number, 2, inference_id, "rating", number % 10, tags)),
    ]
    if number % 3 == 0:
        json_id, comment, demonstration = (str(id_at(number, 10_000 + number + tail)) for tail in (0, 5_000, 50_000))
        output = {"output": '{"raw":"{}","parsed":{}}', "output_schema": "{}", "auxiliary_content": "[]"}
        target = {"target_id": str(episode_id), "target_type": "episode"}
        long_key = f"{number:016x}" * 4
        found += [
            ("JsonInference", {"id": json_id, "input": given, **output, **both, "episode_id": json_id}),
            ("BooleanMetricFeedback", _metric(number, 3, episode_id, "thumbs_up", True, tags)),
            ("CommentFeedback", {"id": comment, "value": "good", "tags": tags, **target}),
            (
                "DemonstrationFeedback",
                {"id": demonstration, "inference_id": str(inference_id), "value": "[]", "tags": tags},
            ),
            ("ModelInferenceCache", _cached("ab" * 32 if number % 9 == 0 else long_key, number)),
            ("DynamicInContextLearningExample", _example(number)),
            ("ConfigSnapshot", {"config": "", "hash": str(number % 4), "tensorzero_version": "1", "tags": {}}),
        ]
    return found


def _model(number: int, inference_id: uuid.UUID) -> dict[str, Any]:
    texts = {"raw_request": "{}", "raw_response": "{}", "input_messages": "[]", "output": "[]"}
    own = {"id": str(id_at(number, 20_000 + number)), "inference_id": str(inference_id), "response_time_ms": 2}
    return {**own, **texts, "model_name": "m", "model_provider_name": "p", "input_tokens": 3, "output_tokens": 4}


def _metric(number: int, kind: int, target: uuid.UUID, name: str, value: Any, tags: dict[str, str]) -> dict[str, Any]:
    own = str(id_at(number, kind * 100_000 + number))
    return {"id": own, "target_id": str(target), "metric_name": name, "value": value, "tags": tags}


def _cached(long_key: str, number: int) -> dict[str, Any]:
    short = int.from_bytes(bytes.fromhex(long_key[:16]), "little")
    texts = {"output": "[]", "raw_request": "{}", "raw_response": "{}"}
    return {"short_cache_key": short, "long_cache_key": long_key, "timestamp": 1_700_000_000 + number, **texts}


def _example(number: int) -> dict[str, Any]:
    own = {"id": str(id_at(number, 90_000 + number)), "function_name": "draft", "variant_name": "a", "namespace": ""}
    return {**own, "input": "{}", "output": "[]", "embedding": [number % 11, 1.0, 0.5]}


INFERENCES = _made()
"""Every row, by table."""


def fill(url: str) -> None:
    """Make the database `tz` there and insert the rows, a part each time."""
    link = Link(parse_url(url))
    connection = link.connection()
    tables = connection.run("SELECT name FROM system.tables WHERE database = 'tz' AND engine LIKE '%MergeTree'")
    for row in tables:
        connection.run(f"ALTER TABLE tz.{row['name']} MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1")
    for part in range(PARTS):
        for table, rows in INFERENCES.items():
            share = rows[part * len(rows) // PARTS : (part + 1) * len(rows) // PARTS]
            connection.insert(table, b"\n".join(encode_row(row) for row in share))
    link.close()


@cache
def _by_age(table: str) -> list[uuid.UUID]:
    return sorted((uuid.UUID(row["id"]) for row in INFERENCES[table]), reverse=True)


def newest(table: str, limit: int) -> list[uuid.UUID]:
    """Ids of the newest rows, the newest first."""
    return _by_age(table)[:limit]


def latest_of(episode_id: uuid.UUID) -> str:
    """The variant of the episode's latest chat inference."""
    rows = [row for row in INFERENCES["ChatInference"] if row["episode_id"] == str(episode_id)]
    return max(rows, key=lambda row: uuid.UUID(row["id"]).int)["variant_name"]
