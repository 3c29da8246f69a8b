"""What is remembered of accepted rows until they are in the database, and forgotten then."""

from __future__ import annotations

import uuid
from typing import Any

from tensorzero.clickhouse.pending import PendingTargets, Target

FIRST, SECOND, THIRD = (uuid.UUID(int=number) for number in (1, 2, 3))
EPISODE, OTHER_EPISODE = uuid.UUID(int=100), uuid.UUID(int=200)


def chat(inference_id: uuid.UUID, episode_id: uuid.UUID = EPISODE, **columns: Any) -> tuple[str, dict[str, Any]]:
    row = {"id": str(inference_id), "function_name": f"f{inference_id.int}", "variant_name": "v", "episode_id": str(episode_id)}
    return "ChatInference", {**row, **columns}


def entry(key: str, output: str) -> tuple[str, dict[str, Any]]:
    return "ModelInferenceCache", {"long_cache_key": key, "output": output}


def test_a_pending_inference_is_a_target_by_its_id_and_by_its_episode() -> None:
    pending = PendingTargets()
    pending.add(1, [("ModelInference", {"id": str(THIRD)}), chat(FIRST), ("BooleanMetricFeedback", {"id": str(THIRD)})])
    target = Target("f1", "v", EPISODE, "chat")
    assert pending.inference(FIRST) == pending.episode(EPISODE) == target
    assert [pending.inference(THIRD), pending.episode(OTHER_EPISODE), pending.asked(THIRD)] == [None] * 3


def test_a_json_inference_says_its_type_and_what_it_was_asked_for() -> None:
    pending = PendingTargets()
    row = {**chat(FIRST)[1], "output": "{}", "output_schema": '{"type":"object"}', "processing_time_ms": 5}
    pending.add(1, [("JsonInference", row)])
    assert pending.inference(FIRST) == Target("f1", "v", EPISODE, "json")
    assert pending.asked(FIRST) == {"output": "{}", "output_schema": '{"type":"object"}'}


def test_everything_up_to_a_position_is_forgotten_and_nothing_after_it() -> None:
    pending = PendingTargets()
    for position, inference_id in ((10, FIRST), (20, SECOND), (30, THIRD)):
        pending.add(position, [chat(inference_id, uuid.UUID(int=inference_id.int + 100)), entry(str(position), "x")])
    for delivered, left in ((9, 3), (10, 2), (29, 1), (30, 0), (31, 0)):
        pending.forget(delivered)
        assert [pending.inference(one) is not None for one in (FIRST, SECOND, THIRD)] == [False] * (3 - left) + [True] * left
        assert [pending.episode(uuid.UUID(int=n)) is not None for n in (101, 102, 103)] == [False] * (3 - left) + [True] * left
        assert [pending.cache_entry(key) is not None for key in ("10", "20", "30")] == [False] * (3 - left) + [True] * left


def test_an_episode_is_judged_by_its_latest_inference() -> None:
    pending = PendingTargets()
    pending.add(1, [chat(FIRST), chat(SECOND)])
    pending.add(2, [chat(THIRD)])
    assert pending.episode(EPISODE) == pending.inference(THIRD) == Target("f3", "v", EPISODE, "chat")
    pending.forget(1)
    assert pending.inference(SECOND) is None
    assert pending.episode(EPISODE) == Target("f3", "v", EPISODE, "chat")
    pending.forget(2)
    assert pending.episode(EPISODE) is None


def test_the_latest_cache_entry_counts_and_stays_until_it_is_delivered_itself() -> None:
    pending = PendingTargets()
    pending.add(1, [entry("k", "old"), entry("other", "x")])
    pending.add(2, [entry("k", "new")])
    assert pending.cache_entry("k") == entry("k", "new")[1]
    pending.forget(1)
    assert (pending.cache_entry("k"), pending.cache_entry("other")) == (entry("k", "new")[1], None)
    pending.forget(2)
    assert pending.cache_entry("k") is None
