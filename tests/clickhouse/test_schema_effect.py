"""Our tables and views against a database that the original made: the same catalog, and the same derived rows."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import derived_tables
import pytest
from schema_engine import Engine, open_engine

from tensorzero.clickhouse.schema import Prepared, prepare

RECORDED = json.loads((Path(__file__).parent / "data" / "derived_rows.json").read_text(encoding="utf-8"))
OURS = "TensorZeroJupyterStep"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Prepared]]:
    """A database of ours with the recorded rows inserted."""
    with open_engine(tmp_path_factory.mktemp("effect")) as engine:
        prepared = prepare(engine.execute, "tz")
        derived_tables.insert(engine.execute, "tz", RECORDED["inserts"])
        yield engine, prepared


def without_digest(columns: list[str], digest: str) -> list[str]:
    """Column lines with the recorded t-digests replaced by what this engine has."""
    return [re.sub(r"quantilesTDigest", digest, line) for line in columns]


def test_the_catalog_is_the_originals(made: tuple[Engine, Prepared]) -> None:
    engine, prepared = made
    expected = RECORDED["catalog"]
    for description in expected.values():
        description["columns"] = without_digest(description["columns"], prepared.digest)
    ours = derived_tables.catalog(engine.execute, "tz")
    del ours[OURS]
    assert len(ours) == 69
    assert ours == expected


@pytest.mark.parametrize("table", derived_tables.DERIVED)
def test_the_same_inserts_give_the_originals_derived_rows(made: tuple[Engine, Prepared], table: str) -> None:
    engine, _ = made
    recorded = RECORDED["derived"][table]
    assert recorded
    assert derived_tables.derived_rows(engine.execute, "tz")[table] == recorded


def test_every_view_has_a_derived_table_that_is_compared() -> None:
    views = {name for name in RECORDED["catalog"] if name.endswith("View")}
    assert len(views) == 30
    derived = set(RECORDED["catalog"]) - views
    fed = {name for name in derived if "By" in name or name in {"FeedbackTag", "InferenceTag", "TagInference"}}
    assert fed | {"CumulativeUsage", "ModelProviderStatistics", "VariantStatistics"} == set(derived_tables.DERIVED)


@pytest.mark.parametrize("table", derived_tables.LATENCIES)
def test_latencies_are_the_originals_within_the_digests_own_interpolation(made: tuple[Engine, Prepared], table: str) -> None:
    """Exactly so where one value was digested; between several, the two kinds of digest interpolate differently."""
    engine, prepared = made
    ours = derived_tables.latencies(engine.execute, "tz", prepared.digest)[table]
    recorded = RECORDED["latencies"][table]
    key = ("model_name", "model_provider_name", "function_name", "variant_name", "minute")
    by_key = {tuple(row.get(name) for name in key): row for row in ours}
    assert len(by_key) == len(recorded)
    for row in recorded:
        mine = by_key[tuple(row.get(name) for name in key)]
        for column in ("whole", "first"):
            compare_levels(mine[column], row[column])


def compare_levels(mine: list[Any], recorded: list[Any]) -> None:
    if recorded[0] is None:
        assert mine == recorded
        return
    assert mine == pytest.approx(recorded, abs=0.25 * (recorded[-1] - recorded[0]))
    assert mine == sorted(mine)


def test_a_number_becomes_the_id_it_came_from(made: tuple[Engine, Prepared]) -> None:
    engine, _ = made
    rows = engine.execute("SELECT toString(id_uint) AS number, uint_to_uuid(id_uint) AS id FROM tz.InferenceById")
    assert rows
    for row in rows:
        assert uuid.UUID(int=int(row["number"])) == uuid.UUID(row["id"])
