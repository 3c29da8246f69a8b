"""What an inference was asked for is known from the spool and from the database alike."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.pending import PendingTargets, Target
from tensorzero.util import uuid7

TOOL_PARAMS = json.dumps({"tools_available": [], "tool_choice": "auto", "parallel_tool_calls": None})


def row_of(inference_id: uuid.UUID, episode_id: uuid.UUID, **columns: object) -> dict[str, object]:
    return {
        "id": str(inference_id),
        "function_name": "f",
        "variant_name": "v",
        "episode_id": str(episode_id),
        "input": "{}",
        "output": "[]",
        "inference_params": "{}",
        **columns,
    }


def new_ids() -> tuple[uuid.UUID, uuid.UUID]:
    return uuid.UUID(str(uuid7())), uuid.UUID(str(uuid7()))


def test_a_pending_row_is_known_until_it_is_delivered() -> None:
    pending, (inference_id, episode_id) = PendingTargets(), new_ids()
    pending.add(1, [("ChatInference", row_of(inference_id, episode_id, tool_params=TOOL_PARAMS))])
    assert pending.asked(inference_id) == {"output": "[]", "tool_params": TOOL_PARAMS}
    pending.forget(1)
    assert pending.asked(inference_id) is None


def test_delivered_rows_are_asked_of_the_database(prepared_database: Callable[..., str]) -> None:
    database = Database.open(prepared_database())
    (chat, json_), episode = new_ids(), new_ids()[0]
    database.write(
        [
            ("ChatInference", row_of(chat, episode, tool_params=TOOL_PARAMS, dynamic_tools=["{}"])),
            ("JsonInference", row_of(json_, episode, output_schema='{"type":"object"}', auxiliary_content="[]")),
        ]
    )
    database.flush()
    asked = database.asked_of(chat, Target("f", "v", episode, "chat"))
    assert (asked["tool_params"], list(asked["dynamic_tools"])) == (TOOL_PARAMS, ["{}"])
    assert database.asked_of(json_, Target("f", "v", episode, "json"))["output_schema"] == '{"type":"object"}'
    assert database.asked_of(chat, Target("other", "v", episode, "chat")) == {}
    database.close()
