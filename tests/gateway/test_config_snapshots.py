"""ConfigSnapshot: every gateway that opens says which configuration is in use; rows of calls name it by its hash."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tensorzero import TensorZeroGateway
from tensorzero.clickhouse.database import Database
from tensorzero.clients.embedded_transport import gateway_of
from tensorzero.gateway.config.loading import load_config

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
METRIC = '[metrics.good]\ntype = "boolean"\noptimize = "max"\nlevel = "inference"\n'
ODD = """
[functions.f]
type = "chat"
description = "\\\\ \\"quoted\\" – ünïcode"
variants.v = { type = "chat_completion", model = "dummy::good" }
"""
Build = Callable[..., TensorZeroGateway]


def snapshots(stored: Any, client: TensorZeroGateway) -> list[dict[str, Any]]:
    """One row a configuration, as the table is after a merge."""
    return stored.rows(client, "ConfigSnapshot FINAL", "last_used")


def test_a_configuration_in_use_is_stored_whole(build: Build, stored: Any) -> None:
    began = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(milliseconds=1)
    client = build(METRIC + ODD, stored.url)
    (row,) = snapshots(stored, client)
    snapshot = gateway_of(client).config.snapshot
    assert row["config"] == snapshot.config
    assert "– ünïcode" in row["config"]
    assert int(row["hash"]) == snapshot.hash
    assert (row["extra_templates"], row["tags"], row["tensorzero_version"]) == ({}, {}, "2026.6.0")
    assert began <= utc(row["created_at"]) == utc(row["last_used"]) <= datetime.datetime.now(datetime.timezone.utc)


def utc(time: datetime.datetime) -> datetime.datetime:
    return time if time.tzinfo else time.replace(tzinfo=datetime.timezone.utc)


def test_rows_of_calls_name_the_configuration_by_its_hash(build: Build, stored: Any) -> None:
    client = build(METRIC, stored.url)
    answer: Any = client.inference(model_name="dummy::good", input=ASK)
    client.feedback(metric_name="good", value=True, inference_id=answer.inference_id)
    (snapshot,) = snapshots(stored, client)
    for table in ("ChatInference", "ModelInference", "BooleanMetricFeedback"):
        assert [int(row["snapshot_hash"]) for row in stored.rows(client, table)] == [int(snapshot["hash"])], table


def test_using_it_again_keeps_the_first_use_and_the_tags_it_had(
    build: Build, stored: Any, config_dir: Callable[..., Path]
) -> None:
    snapshot = load_config(str(config_dir(METRIC))).snapshot
    early = {"created_at": "1767225600.123456", "last_used": "1767225601.000000", "tensorzero_version": "2026.5.0"}
    earlier = {"config": snapshot.config, "hash": str(snapshot.hash), "tags": {"old": "1"}, **early}
    database = Database.open(stored.url)
    database.write([("ConfigSnapshot", earlier)])
    database.close()
    (row,) = snapshots(stored, build(METRIC, stored.url))
    assert utc(row["created_at"]).timestamp() == 1767225600.123456
    assert datetime.datetime.now(datetime.timezone.utc) - utc(row["last_used"]) < datetime.timedelta(minutes=5)
    assert (row["tags"], row["tensorzero_version"]) == ({"old": "1"}, "2026.6.0")


def test_each_configuration_has_its_own_row(build: Build, stored: Any) -> None:
    build(METRIC, stored.url).close()
    build(ODD, stored.url).close()
    client = build(METRIC, stored.url)
    configs = [row["config"] for row in snapshots(stored, client)]
    assert ["metrics.good" in config for config in configs] == [False, True]  # the latest used comes last
