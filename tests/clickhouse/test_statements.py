"""Every statement of ours, against tables of several parts: what an engine makes of one part says little about three."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import ast
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from clickhouse_server import ClickHouseServer
from many_rows import EPISODES, INFERENCES, PARTS, VECTOR, fill, latest_of, newest
from other_process import OtherProcess

from tensorzero.clickhouse import replay
from tensorzero.clickhouse.connection import Connection
from tensorzero.clickhouse.database import Database, encode_row
from tensorzero.clickhouse.link import Link
from tensorzero.clickhouse.queries import (
    asked,
    cache,
    datapoints,
    dicl,
    episodes,
    feedback,
    human_feedback,
    inferences,
    model_inferences,
    stored_inferences,
    targets,
    variant_versions,
    workflow_runs,
)
from tensorzero.clickhouse.queries.frame_query import FrameQuery
from tensorzero.clickhouse.queries.latest import FeedbackColumn
from tensorzero.clickhouse.queries.selection import MetricCondition, Selection
from tensorzero.clickhouse.queries.text_ids import column_types_query, with_text_ids
from tensorzero.clickhouse.query import Query
from tensorzero.clickhouse.snapshots import Snapshot, noted_query, snapshot_row
from tensorzero.clickhouse.tables import DERIVED
from tensorzero.clickhouse.url import parse_url
from tensorzero_notebook.frames.arrow_types import is_id, named_table

pytestmark = pytest.mark.slow

ROOT = Path(replay.__file__).resolve().parent.parent

EVERYTHING = Selection(
    functions=("draft",),
    variants=("a", "b"),
    models=("m",),
    episodes=tuple(EPISODES),
    since_ms=0,
    until_ms=4_000_000_000_000,
    tags={"part": ("0", "1"), "user": ()},
    metrics={
        "thumbs_up": MetricCondition(equal_to=True),
        "rating": MetricCondition(low=0.0, high=9.0),
    },
)
SELECTIONS = [Selection(), Selection(limit=50), Selection(limit=2000), EVERYTHING, Selection(limit=7, tags={"user": ()})]
FEEDBACK = [
    FeedbackColumn("thumbs_up", "boolean", "either"),
    FeedbackColumn("rating", "float", "inference"),
    FeedbackColumn("comment", "comment", "either"),
    FeedbackColumn("demonstration", "demonstration"),
]
ONLY_EPISODES = [FeedbackColumn("thumbs_up", "boolean", "episode"), FeedbackColumn("comment", "comment", "episode")]
EACH_FRAME = (
    (inferences.inferences_query, inferences.COLUMNS),
    (model_inferences.model_inferences_query, model_inferences.COLUMNS),
    (feedback.feedback_query, feedback.COLUMNS),
    (episodes.episodes_query, episodes.COLUMNS),
)


def frames() -> Iterator[tuple[Callable[..., FrameQuery], FrameQuery]]:
    for selection in SELECTIONS:
        for build, columns in EACH_FRAME:
            if build is feedback.feedback_query and selection.tags:
                selection = Selection(limit=selection.limit, functions=selection.functions)
            yield build, build(selection, tuple(columns))
        yield (
            inferences.inferences_query,
            inferences.inferences_query(selection, tuple(inferences.COLUMNS), ("user", "no'such"), FEEDBACK),
        )
        yield inferences.inferences_query, inferences.inferences_query(selection, inferences.LIGHT_COLUMNS)
        yield episodes.episodes_query, episodes.episodes_query(selection, tuple(episodes.COLUMNS), ONLY_EPISODES)
    ids = [str(one) for one in newest("ChatInference", 30)]
    yield (
        model_inferences.model_inferences_query,
        model_inferences.model_inferences_query(Selection(limit=20), model_inferences.LIGHT_COLUMNS, ids),
    )
    yield (
        feedback.feedback_query,
        feedback.feedback_query(
            Selection(limit=20), tuple(feedback.COLUMNS), ("part",), ("thumbs_up", "comment"), ids, {"thumbs_up": "inference"}
        ),
    )


def plain() -> Iterator[tuple[Callable[..., Query], Query]]:
    inference_id = newest("ChatInference", 1)[0]
    json_id = newest("JsonInference", 1)[0]
    for selection in SELECTIONS:
        yield inferences.count_query, inferences.count_query(selection)
        yield inferences.tag_keys_query, inferences.tag_keys_query(selection)
        yield model_inferences.model_inference_count_query, model_inferences.model_inference_count_query(selection)
        yield feedback.feedback_count_query, feedback.feedback_count_query(Selection(limit=selection.limit), ("rating",))
        yield episodes.episode_count_query, episodes.episode_count_query(selection)
        yield variant_versions.snapshot_uses_query, variant_versions.snapshot_uses_query(selection)
    for function_type, one in (("chat", inference_id), ("json", json_id)):
        yield asked.asked_query, asked.asked_query(function_type, "draft", "a", EPISODES[0], one)
    for since in (None, 1_600_000_000):
        yield cache.cache_entry_query, cache.cache_entry_query("ab" * 32, since)
    yield dicl.nearest_examples_query, dicl.nearest_examples_query("draft", "a", VECTOR, 5)
    yield feedback.used_metrics_query, feedback.used_metrics_query()
    yield inferences.stored_tables_query, inferences.stored_tables_query()
    yield targets.inference_target_query, targets.inference_target_query(inference_id)
    for episode_id in EPISODES:
        yield targets.episode_target_query, targets.episode_target_query(episode_id)
    yield noted_query, noted_query(Snapshot("", 1))
    yield variant_versions.snapshot_count_query, variant_versions.snapshot_count_query()
    yield variant_versions.snapshot_texts_query, variant_versions.snapshot_texts_query(["1"])

    yield from history()
    for build in (workflow_runs.workflow_run_query, workflow_runs.workflow_episode_query):
        yield build, build(EPISODES[0])
    yield human_feedback.human_feedback_query, human_feedback.human_feedback_query("m", str(EPISODES[0]), "[]")


TAG = {"type": "tag", "key": "part", "value": "1", "comparison_operator": "="}
TIME = {"type": "time", "time": "2020-01-01T00:00:00Z", "comparison_operator": ">"}
JUDGED = {"type": "boolean_metric", "metric_name": "thumbs_up", "value": True}
RATED = {"type": "float_metric", "metric_name": "rating", "value": 0.5, "comparison_operator": ">"}
DEMONSTRATED = {"type": "demonstration_feedback", "has_demonstration": False}
FILTER = {
    "type": "or",
    "children": [{"type": "and", "children": [TAG, TIME, JUDGED, RATED, DEMONSTRATED]}, {"type": "not", "child": TAG}],
}
ORDERS = ((), ({"by": "timestamp", "direction": "ascending"},))


def history() -> Iterator[tuple[Callable[..., Query], Query]]:
    """Stored inferences and datapoints, each with every condition, order and page that there is."""
    build, levels = stored_inferences.stored_inferences_query, {"thumbs_up": "inference", "rating": "episode"}
    of_metrics: dict[str, Any] = {"levels": levels, "metric_types": {"thumbs_up": "boolean", "rating": "float"}}
    by_metric = tuple({"by": "metric", "name": name, "direction": "descending"} for name in levels)
    inference_id = str(newest("ChatInference", 400)[-1])
    cursors: list[dict[str, Any]] = [{"limit": 9, "before": inference_id}, {"limit": 9, "after": inference_id}]
    for types in (("chat",), ("json",), ("chat", "json")):
        for page in ({"limit": 50}, {"limit": 5, "offset": 3}, *cursors):
            for order in ORDERS:
                yield build, build(stored_inferences.InferenceQuery(types=types, order_by=order, **page))
        for source in ("none", "demonstration"):
            yield build, build(stored_inferences.InferenceQuery(types=types, output_source=source, limit=9))
        filtered = stored_inferences.InferenceQuery(types=types, filters=FILTER, search="a", limit=9, **of_metrics)
        yield build, build(filtered)
        if len(types) == 1:
            yield build, build(stored_inferences.InferenceQuery(types=types, order_by=by_metric, limit=9, **of_metrics))
    listed = datapoints.datapoints_query
    for asked_for in (
        datapoints.DatapointQuery(),
        datapoints.DatapointQuery(dataset_name="d", function_name="draft", ids=[inference_id], stale=True, limit=5, offset=1),
        datapoints.DatapointQuery(filters={"type": "and", "children": [TAG, {"type": "not", "child": TIME}]}, search="a"),
        datapoints.DatapointQuery(order_by=ORDERS[1], limit=5),
    ):
        yield listed, listed(asked_for)


HOLDS = """
import sys
from tensorzero.clickhouse.database import Database
database = Database.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("parts") / "db"
    fill(f"chdb://{found}?database=tz")
    return found


@pytest.fixture(scope="module", params=["in this process", "through the holder", "at a server"])
def url(request: pytest.FixtureRequest, directory: Path) -> Iterator[str]:
    url = f"chdb://{directory}?database=tz"
    if request.param == "through the holder":
        other = OtherProcess(HOLDS, url)
        yield url
        other.kill()
    elif request.param == "at a server":
        server = ClickHouseServer(directory)
        server.start()
        yield server.url
        server.kill()
    else:
        yield url


@pytest.fixture(scope="module")
def database(url: str) -> Iterator[Database]:
    found = Database.open(url)
    yield found
    found.close()


@pytest.fixture(scope="module")
def connection(database: Database, url: str) -> Iterator[Connection]:
    link = Link(parse_url(url))
    yield link.connection()
    link.close()


def test_the_tables_have_several_parts(database: Database) -> None:
    rows = database.query(
        Query("SELECT table, count() AS parts FROM system.parts WHERE active AND database = 'tz' GROUP BY table")
    )
    parts = {row["table"]: row["parts"] for row in rows}
    for table in ("ChatInference", "InferenceByEpisodeId", "BooleanMetricFeedback", "ModelInference", "ModelInferenceCache"):
        assert parts[table] >= PARTS


def test_every_frame_is_read(database: Database) -> None:
    for _, made in frames():
        table: Any = database.arrow(made.query, flush=False)
        assert table.num_columns == len(made.columns)
        assert table.num_rows > 0, made.query.sql


def test_every_frame_is_read_with_ids_as_text(database: Database, connection: Connection) -> None:
    """As it is from engines whose Arrow output has no UUID: the same rows in the same order."""
    for _, made in frames():
        (types,) = connection.fetch(column_types_query(made.query))
        table: Any = database.arrow(with_text_ids(made.query, types), flush=False)
        usual: Any = named_table(database.arrow(made.query, flush=False), made.columns)
        assert not any(is_id(field.type) for field in table.schema)
        texts = named_table(table, made.columns)
        if " LIMIT " in made.query.sql or "limit" in made.query.parameters:
            assert texts.to_pylist() == usual.to_pylist()
        else:
            assert texts.num_rows == usual.num_rows
            assert sorted(map(repr, texts.to_pylist())) == sorted(map(repr, usual.to_pylist()))


UNANSWERED = (
    cache.cache_entry_query,
    asked.asked_query,
    noted_query,
    variant_versions.snapshot_texts_query,
    stored_inferences.stored_inferences_query,
    datapoints.datapoints_query,
    workflow_runs.workflow_run_query,
    workflow_runs.workflow_episode_query,
    human_feedback.human_feedback_query,
)
"""Of these some find nothing here."""


def test_every_question_is_answered(database: Database) -> None:
    for build, query in plain():
        rows = database.query(query, flush=False)
        assert rows or build in UNANSWERED, query.sql


def test_the_newest_rows_are_the_newest(database: Database) -> None:
    for limit in (1, 50, 2000):
        query = inferences.inferences_query(Selection(limit=limit), ("inference_id",), tables=("ChatInference",))
        table: Any = database.arrow(query.query, flush=False)
        found = [one if isinstance(one, uuid.UUID) else uuid.UUID(bytes=one) for one in table.column(0).to_pylist()]
        assert found == newest("ChatInference", limit)


def test_an_episodes_target_is_its_latest_inference(database: Database) -> None:
    for episode_id in EPISODES:
        target = database.find_episode(episode_id)
        assert target is not None
        assert (target.variant_name, target.episode_id, target.function_type) == (latest_of(episode_id), episode_id, "chat")
    assert database.find_episode(uuid.uuid4()) is None


def test_what_a_broken_insert_left_out_is_completed(database: Database, connection: Connection) -> None:
    """Also the statements of the completion run over many parts; rows that are there change nothing."""
    before = counts(database)
    for table in DERIVED:
        lines = [encode_row(row) for row in INFERENCES.get(table, [])[-450:]]
        if lines:
            replay.complete(connection, "tz", table, lines)
    assert counts(database) == before


def counts(database: Database) -> dict[str, int]:
    names = sorted({derived.target for each in DERIVED.values() for derived in each} | set(DERIVED))
    return {name: database.query(Query(f"SELECT count() AS n FROM {name}"), flush=False)[0]["n"] for name in names}


def test_a_configuration_is_noted(database: Database, connection: Connection) -> None:
    def insert(table: str, rows: Sequence[Any]) -> None:
        connection.insert(table, b"\n".join(encode_row(row) for row in rows))

    insert("ConfigSnapshot", [snapshot_row(Snapshot("x = 1", 7), None, 1e9)])
    insert("ConfigSnapshot", [snapshot_row(Snapshot("x = 1", 7), None, 2e9)])
    assert database.query(noted_query(Snapshot("x = 1", 7)), flush=False)


def builders() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function of the package with a `Query(…)` in it, by `module.name`."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id in ("Query", "FrameQuery")
                for inner in ast.walk(node)
            ):
                yield f"{path.relative_to(ROOT).with_suffix('').as_posix().replace('/', '.')}.{node.name}", node


def test_no_statement_is_left_out_here() -> None:
    """Statements are made by functions that say so, and by the completion of broken inserts."""
    named = {
        f"{path.relative_to(ROOT).with_suffix('').as_posix().replace('/', '.')}.{node.name}"
        for path in sorted(ROOT.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and node.returns is not None
        and ast.unparse(node.returns) in ("Query", "FrameQuery")
    }
    built = {
        name for name, node in builders() if node.returns is None or ast.unparse(node.returns) not in ("Query", "FrameQuery")
    }
    assert {name for name in built if not name.startswith("clickhouse.replay.")} == set()
    run = {build for build, _ in frames()} | {build for build, _ in plain()} | {column_types_query, with_text_ids}
    told = {f"{build.__module__.removeprefix('tensorzero.')}.{build.__name__}" for build in run}
    assert named - {"clickhouse.queries.frame_query.finish"} == told
