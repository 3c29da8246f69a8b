"""Frames of what is stored, on a real engine."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import uuid_utils

from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.queries import inferences as inference_queries
from tensorzero.clickhouse.queries.expressions import json_text
from tensorzero.clickhouse.query import Query
from tensorzero_notebook import frames
from tensorzero_notebook.errors import UserError
from tensorzero_notebook.frames.filters import DefaultLimit
from tests.notebook.stored_rows import (
    START_MS,
    boolean,
    chat,
    comment,
    demonstration,
    json_inference,
    model_inference,
    number,
    uuid_at,
)

pytestmark = pytest.mark.slow

HOSTILE = "'; DROP TABLE ChatInference; -- {p0:String} \\ ` \" \u2028 \x1b[31m <script>"
EPISODE = uuid_at(5, 77)


ROWS = [
    chat(10, "first", "one", tags={"user": "ada", "tensorzero::human_feedback": "true"}),
    model_inference(10, uuid_at(10)),
    chat(20, "second", "two", tags={"user": "bob", HOSTILE: "odd"}, episode=EPISODE, variant_name="fancy"),
    model_inference(20, uuid_at(20), model_name="other", output_tokens=None),
    json_inference(30),
    model_inference(30, uuid_at(30)),
    chat(40, HOSTILE, HOSTILE, episode=EPISODE, ttft_ms=3),
    boolean(100, uuid_at(10), True, tail=2),
    boolean(100, uuid_at(10), False, tail=1),
    boolean(101, uuid_at(20), False),
    boolean(102, uuid_at(30), True, metric=HOSTILE),
    number(103, EPISODE, 0.1),
    comment(104, uuid_at(20), "well\nsaid"),
    comment(105, uuid_at(20), "no"),
    demonstration(106, uuid_at(20), '[{"type":"text","text":"better"}]'),
]


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    opened = Database.open("chdb://memory")
    opened.write(ROWS)
    yield opened
    opened.close()


@pytest.fixture
def read(database: Database) -> Callable[..., pd.DataFrame]:
    return lambda *arguments, **keywords: frames.inferences(*arguments, database=database, **keywords)


@pytest.fixture(scope="module")
def tagged() -> Iterator[Callable[..., pd.DataFrame]]:
    """The same rows, and one whose tags are spelt numbers."""
    opened = Database.open("chdb://memory?database=tagged")
    opened.write([*ROWS, chat(60, "tagged", "yes", tags={"run": "5", "share": "0.5", "done": "True"})])
    yield lambda **keywords: frames.inferences(database=opened, **keywords)
    opened.close()


def ids(frame: pd.DataFrame) -> list[int]:
    """Milliseconds in the inference ids: what the rows are."""
    return [(int(text[:8] + text[9:13], 16)) - START_MS for text in frame["inference_id"]]


def test_one_row_an_inference_of_every_type_newest_first(read: Any) -> None:
    assert ids(read()) == [40, 30, 20, 10]
    assert list(read()["function_name"]) == ["draft", "extract", "draft", "draft"]


def test_ids_are_the_text_that_python_writes(read: Any) -> None:
    assert list(read()["inference_id"]) == [uuid_at(40), uuid_at(30), uuid_at(20), uuid_at(10)]


def test_columns_have_types_that_know_missing_values(read: Any) -> None:
    types = read().dtypes
    assert types["inference_id"] == pd.StringDtype("pyarrow")
    assert types["timestamp"] == pd.DatetimeTZDtype("ms", "UTC")
    assert types["processing_time_ms"] == types["ttft_ms"] == types["input_tokens"] == pd.Int64Dtype()
    assert types["cost"] == pd.Float64Dtype()
    assert types["feedback.thumbs_up"] == pd.BooleanDtype()
    assert types["feedback.rating"] == pd.Float32Dtype()
    assert list(read()["ttft_ms"].isna()) == [False, True, True, True]


def test_an_empty_frame_has_the_same_columns_and_types(read: Any) -> None:
    kept = {"tags": ["user"], "metrics": ["thumbs_up", "rating"]}
    nothing = read("nowhere", **kept)
    assert len(nothing) == 0
    assert nothing.dtypes.equals(read(**kept).dtypes)


def test_times_are_those_of_the_ids(read: Any) -> None:
    expected = datetime.fromtimestamp(START_MS / 1000, timezone.utc) + timedelta(milliseconds=10)
    assert read()["timestamp"].iloc[-1] == expected


def test_the_latest_feedback_is_the_one_with_the_greatest_id(read: Any) -> None:
    values = read(metrics=["thumbs_up"])["feedback.thumbs_up"]
    assert list(values.isna()) == [True, True, False, False]
    assert list(values[2:]) == [False, True]


def test_feedback_on_the_episode_reaches_its_inferences(read: Any) -> None:
    values = read(metrics=["rating"])["feedback.rating"]
    assert list(values.isna()) == [False, True, False, True]
    assert values.iloc[0] == pytest.approx(0.1)


def test_comments_and_demonstrations_are_columns_when_named(read: Any) -> None:
    row = read(metrics=["comment", "demonstration"]).iloc[2]
    assert row["feedback.comment"] == "no"
    assert row["feedback.demonstration"] == '[{"type":"text","text":"better"}]'


def test_what_the_models_used_stands_beside_the_inference(read: Any) -> None:
    frame = read()
    assert list(frame["model_name"].fillna("-")) == ["-", "m", "other", "m"]
    assert frame["cost"].iloc[1] == pytest.approx(0.000016)
    assert frame["output_tokens"].isna().tolist() == [True, False, True, False]


def test_texts_are_the_words_inside_the_json(read: Any) -> None:
    frame = read()
    assert list(frame["input_text"]) == [HOSTILE, '{"a":1}', "second", "first"]
    assert list(frame["output_text"]) == [HOSTILE, '{"x":1}', "two", "one"]


def test_tags_that_get_no_column_are_told_of(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tagged = [name for name in read().columns if name.startswith("tag.")]
    monkeypatch.setattr(inference_queries, "MOST_TAG_KEYS", 1)
    with pytest.warns(frames.FrameCut, match="More than 1 tag keys"):
        assert [name for name in read().columns if name.startswith("tag.")] == tagged[:1]


def test_hostile_tags_and_metrics_are_only_names(read: Any) -> None:
    frame = read()
    assert f"tag.{HOSTILE}" in frame
    assert f"feedback.{HOSTILE}" in frame
    assert ids(read(tags={HOSTILE: "odd"})) == [20]
    assert ids(read(metrics={HOSTILE: True})) == [30]
    assert ids(read(function=HOSTILE)) == []
    assert "DROP TABLE" not in frame.attrs["query"]
    assert "tag.tensorzero::human_feedback" not in frame


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({"function": "extract"}, [30]),
        ({"function": ["extract", "draft"], "variant": "fancy"}, [20]),
        ({"model": "other"}, [20]),
        ({"episode": EPISODE}, [40, 20]),
        ({"ids": [uuid_at(10), uuid_at(30)]}, [30, 10]),
        ({"ids": []}, []),
        ({"tags": {"user": ["ada", "eve"]}}, [10]),
        ({"tags": {"user": None}}, [20, 10]),
        ({"metrics": {"thumbs_up": True}}, [10]),
        ({"metrics": {"rating": (0.05, None)}}, [40, 20]),
        ({"metrics": {"rating": (0.2, 1)}}, []),
        ({"metrics": {"rating": 0.1}}, [40, 20]),
        ({"since": datetime.fromtimestamp((START_MS + 20) / 1000, timezone.utc)}, [40, 30, 20]),
        ({"until": datetime.fromtimestamp((START_MS + 20) / 1000, timezone.utc)}, [10]),
        ({"since": "2020-01-01", "until": "2020-01-02"}, []),
        ({"since": timedelta(days=1), "until": "2000-01-01"}, []),
    ],
)
def test_every_keyword_filters(read: Any, keywords: dict[str, Any], expected: list[int]) -> None:
    assert ids(read(**keywords)) == expected


def test_a_limit_that_nobody_asked_for_says_what_it_cut(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read().attrs["cut"] is False
    monkeypatch.setitem(frames.inferences.__kwdefaults__, "limit", DefaultLimit(2))
    with pytest.warns(frames.FrameCut, match=r"2 of 4 inferences: the newest ones\. limit=None reads all\."):
        frame = read()
    assert ids(frame) == [40, 30]
    assert (frame.attrs["cut"], frame.attrs["rows"], frame.attrs["total"]) == (True, 2, 4)


@pytest.mark.parametrize(("limit", "rows"), [(1, 1), (np.int64(2), 2), (4, 4), (1000, 4), (10**30, 4), (None, 4)])
def test_the_callers_own_limit_is_no_news(read: Any, database: Database, limit: Any, rows: int) -> None:
    frame = read(limit=limit)  # a warning would be an error
    assert (len(frame), frame.attrs["cut"]) == (rows, rows < 4)
    assert len(frames.model_inferences(limit=limit, database=database)) == min(rows, 3)
    assert len(frames.feedback(limit=limit, database=database)) == (rows if rows < 4 else 4 if limit == 4 else 8)
    assert len(frames.episodes(limit=limit, database=database)) == min(rows, 3)


def test_the_default_limit_reads_as_a_number() -> None:
    assert "limit: 'int | None' = 1000" in str(inspect.signature(frames.inferences))


def test_light_frames_hold_ids_names_and_numbers(read: Any) -> None:
    light = ["inference_id", "function_name", "variant_name", "episode_id", "timestamp", "processing_time_ms", "ttft_ms"]
    assert list(read(full=False).columns) == light
    with_more = read(full=False, tags=["user"], metrics=["thumbs_up"])
    assert list(with_more.columns) == [*light, "tag.user", "feedback.thumbs_up"]


def test_columns_come_in_the_order_asked_for(read: Any) -> None:
    wanted = ["tag.user", "output_text", "feedback.rating", "inference_id"]
    assert list(read(columns=wanted).columns) == wanted


def test_arrow_is_the_same_table(read: Any) -> None:
    table = read(as_="arrow")
    assert isinstance(table, pa.Table)
    assert table.column_names == list(read().columns)
    assert table["inference_id"].to_pylist() == list(read()["inference_id"])


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"columns": ["nope"]}, "No such column: nope"),
        ({"metrics": {"nope": True}}, "No such metric: nope"),
        ({"metrics": ["nope"]}, "No such metric: nope"),
        ({"ids": "nope"}, "ids must be an id"),
        ({"since": "soon"}, "since='soon' is no time"),
        ({"since": "2026-13-01"}, "since='2026-13-01' is no time"),
        ({"since": 5}, "since must be a datetime"),
        ({"until": np.timedelta64(1, "M")}, "until must be a datetime"),
        ({"since": timedelta.max}, "is too far away"),
        *(
            ({"limit": limit}, "limit must be a whole number")
            for limit in (-1, 0, 5.0, np.float64(5), True, np.bool_(True), "5")
        ),
        *(({"limit": limit}, "limit must be a whole number") for limit in (np.bool_(True), "5", float("nan"), pd.NA, [5])),
        ({"columns": []}, "columns names none"),
        ({"columns": "output_txt"}, "No such column: output_txt"),
        ({"columns": {"inference_id": 1}}, "columns is a mapping"),
        ({"columns": [1]}, "columns must be a name or several names"),
        ({"function": 5}, "function must be a name or several names"),
        ({"function": ["draft", None]}, r"function has a missing value in it: `\.dropna\(\)`"),
        ({"variant": pd.Series(["plain", pd.NA])}, "variant has a missing value in it"),
        ({"model": float("nan")}, "model is a missing value; None asks for any"),
        ({"ids": pd.DataFrame({"a": [1]})}, "ids is a DataFrame: name one column of it"),
        ({"episode": [EPISODE, None]}, "episode has a missing value in it"),
        ({"tags": {"user": float("nan")}}, r"tags=\{'user': …\} is a missing value"),
        ({"tags": {5: "ada"}}, "tags must be a name or several names"),
        ({"metrics": {"thumbs_up": 2}}, "thumbs_up is a boolean metric"),
        ({"metrics": {"thumbs_up": (0, 1)}}, "thumbs_up is a boolean metric"),
        ({"metrics": {"rating": True}}, "rating is a float metric"),
        ({"metrics": {"rating": (None, None)}}, r"or \(low, high\)"),
        ({"metrics": {"rating": {1, 2}}}, r"or \(low, high\)"),
        ({"metrics": {"rating": float("nan")}}, r"or \(low, high\)"),
        ({"metrics": {"rating": [1, 2, 3]}}, r"or \(low, high\)"),
        ({"metrics": {"comment": True}}, "A comment has no value to compare"),
        ({"database": "chdb://memory"}, "database is a Database, not its URL"),
        ({"metrics": {"rating": "high"}}, r"True, False, a number, or \(low, high\)"),
        ({"as_": "polars"}, "as_ must be"),
    ],
)
def test_a_wrong_keyword_is_told_in_words(database: Database, keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        frames.inferences(**{"database": database, **keywords})


NONE_AT_ALL: list[Any] = [[], (), set(), pd.Series([], dtype="string"), pd.Index([]), np.array([])]


@pytest.mark.parametrize("nothing", NONE_AT_ALL, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("keyword", ["function", "variant", "model", "episode", "ids"])
def test_a_list_without_anything_in_it_fits_nothing(read: Any, keyword: str, nothing: Any) -> None:
    assert ids(read(**{keyword: nothing})) == []


def test_neither_does_it_in_the_other_frames(read: Any, database: Database) -> None:
    assert read(tags={"user": []}).empty
    assert frames.episodes(ids=[], database=database).empty
    assert frames.model_inferences(inference=[], database=database).empty
    assert frames.feedback(metric=[], database=database).empty
    assert frames.feedback(target=[], database=database).empty


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({"function": np.str_("extract")}, [30]),
        ({"function": {"extract"}}, [30]),
        ({"function": pd.Series(["extract", "extract"]), "variant": pd.Index(["strict"])}, [30]),
        ({"function": pd.Series(["extract"], dtype="category")}, [30]),
        ({"function": pa.array(["extract"])}, [30]),
        ({"function": np.array("extract")}, [30]),
        ({"function": (name for name in ["extract"])}, [30]),
        ({"model": np.array(["other", "m"])}, [30, 20, 10]),
        ({"ids": uuid.UUID(uuid_at(10))}, [10]),
        ({"ids": uuid_utils.UUID(uuid_at(10))}, [10]),
        ({"ids": np.array([uuid_at(10), uuid_at(30)])}, [30, 10]),
        ({"ids": {uuid_at(10)}}, [10]),
        ({"ids": pa.chunked_array([[uuid_at(10)]])}, [10]),
        ({"episode": pd.Series([EPISODE])}, [40, 20]),
        ({"tags": {"user": np.str_("ada")}}, [10]),
        ({"tags": {"user": pd.Series(["ada", "bob"])}}, [20, 10]),
        ({"tags": {"run": 5}}, [60]),
        ({"tags": {"run": np.int64(5)}}, [60]),
        ({"tags": {"run": [np.int64(5), 6]}}, [60]),
        ({"tags": {"share": np.float32(0.5)}}, [60]),
        ({"tags": {"share": 0.5}}, [60]),
        ({"tags": {"done": np.bool_(True)}}, [60]),
        ({"tags": {"done": True}}, [60]),
        ({"metrics": {"thumbs_up": np.bool_(True)}}, [10]),
        ({"metrics": {"thumbs_up": 1}}, [10]),
        ({"metrics": {"thumbs_up": np.int64(0)}}, [20]),
        ({"metrics": {"rating": np.float32(0.1)}}, [40, 20]),
        ({"metrics": {"rating": Decimal("0.1")}}, [40, 20]),
        ({"metrics": {"rating": [np.float64(0.05), np.nan]}}, [40, 20]),
        ({"metrics": {"rating": np.array([0.05, 1])}}, [40, 20]),
        ({"metrics": {"rating": pd.Series([0.05, None])}}, [40, 20]),
        ({"metrics": {"rating": (pd.NA, 1)}}, [40, 20]),
        ({"metrics": {"rating": (0, float("inf"))}}, [40, 20]),
        ({"metrics": {"rating": (0, 10**400)}}, [40, 20]),
        ({"since": pd.NaT, "until": None}, [60, 40, 30, 20, 10]),
        ({"since": pd.Timestamp(START_MS + 20, unit="ms", tz="Asia/Tokyo")}, [60, 40, 30, 20]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_values_of_numpy_pandas_and_arrow_are_values(tagged: Any, keywords: dict[str, Any], expected: list[int]) -> None:
    assert ids(tagged(**keywords)) == expected


@pytest.mark.parametrize("columns", ["output_text", np.str_("output_text"), pd.Index(["output_text"]), {"output_text"}])
def test_one_column_is_one_column(read: Any, database: Database, columns: Any) -> None:
    assert list(read(columns=columns).columns) == ["output_text"]
    assert list(frames.model_inferences(columns=columns, database=database).columns) == ["output_text"]
    assert list(frames.feedback(columns="value", database=database).columns) == ["value"]
    assert list(frames.episodes(columns="feedback.rating", database=database).columns) == ["feedback.rating"]


def test_a_column_named_twice_comes_once(read: Any) -> None:
    assert list(read(columns=["tag.user", "inference_id", "tag.user"]).columns) == ["tag.user", "inference_id"]


def test_other_frames_take_the_same_values(database: Database) -> None:
    own = frames.feedback(database=database)
    assert len(frames.feedback(metric=pd.Series(["comment"]), database=database)) == 2
    assert len(frames.feedback(target=own["target_id"].drop_duplicates(), database=database)) == 8
    assert len(frames.feedback(ids=own["feedback_id"].iloc[0], database=database)) == 1
    assert len(frames.model_inferences(inference=np.array([uuid_at(20)]), database=database)) == 1
    assert len(frames.episodes(ids=pd.Index([EPISODE]), metrics={"rating": (np.float32(0), None)}, database=database)) == 1
    with pytest.raises(UserError, match="No such metric: ratin"):
        frames.episodes(metrics={"ratin": 1}, database=database)


def test_a_filter_leaves_the_columns_as_they_are(read: Any, database: Database) -> None:
    everything = set(read().columns)
    assert set(read(metrics={"thumbs_up": True}).columns) == everything - {f"tag.{HOSTILE}"}  # a key of other rows
    assert set(read(tags={HOSTILE: "odd"}).columns) == everything
    assert "tag.user" in read(tags={"user": "nobody"}).columns
    light = read(full=False, metrics={"thumbs_up": True}, tags={"user": "ada"})
    assert [name for name in light.columns if "." in name] == ["tag.user", "feedback.thumbs_up"]
    all_of_episodes = set(frames.episodes(database=database).columns)
    assert set(frames.episodes(metrics={"rating": 0.1}, database=database).columns) == all_of_episodes


def test_model_inferences_know_their_inference(database: Database) -> None:
    frame = frames.model_inferences(database=database)
    assert list(frame["inference_id"]) == [uuid_at(30), uuid_at(20), uuid_at(10)]
    assert frame["input_text"].tolist() == ["question"] * 3
    assert len(frames.model_inferences("extract", database=database)) == 1
    assert len(frames.model_inferences(inference=uuid_at(20), model="other", full=False, database=database)) == 1


def test_feedback_shows_every_value_ever_given(database: Database) -> None:
    frame = frames.feedback(database=database)
    assert len(frame) == 8
    thumbs = frame[frame["metric_name"] == "thumbs_up"]
    assert list(thumbs["boolean_value"]) == [False, True, False]
    assert list(frame["type"].unique()) == ["demonstration", "comment", "float", "boolean"]
    assert frame[frame["type"] == "comment"]["value"].tolist() == ['"no"', '"well\\nsaid"']
    assert frame[frame["type"] == "demonstration"]["text"].tolist() == ["better"]
    assert frame[frame["type"] == "demonstration"]["value"].tolist() == ['[{"type":"text","text":"better"}]']
    assert len(frames.feedback(metric=["comment", "rating"], database=database)) == 3
    assert len(frames.feedback("extract", database=database)) == 1
    assert len(frames.feedback(target=EPISODE, database=database)) == 1


def test_episodes_count_all_their_inferences(database: Database) -> None:
    frame = frames.episodes(variant="fancy", database=database)
    assert frame["inferences"].tolist() == [2]
    assert frame["variants"].tolist() == ["fancy, plain"]
    assert frame["feedback.rating"].iloc[0] == pytest.approx(0.1)
    assert len(frames.episodes(database=database)) == 3


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (r'{"a":"x\ud800y"}', "x\ufffdy"),
        (r'{"a":"\ud83d\ude00\udc00"}', "😀\ufffd"),
        (r'{"a":"\ud83d\ude00"}', "😀"),
        (r'{"a":"é\u2028"}', "é\u2028"),
    ],
)
def test_lone_surrogates_cost_one_character_not_the_text(database: Database, stored: str, expected: str) -> None:
    sql = f"SELECT JSONExtractString({json_text('stored')}, 'a') AS text FROM (SELECT {{stored:String}} AS stored)"
    assert database.query(Query(sql, {"stored": stored})) == [{"text": expected}]
