"""Frames of what is stored, on a real engine."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.queries import inferences as inference_queries
from tensorzero.clickhouse.queries.expressions import json_text
from tensorzero.clickhouse.query import Query
from tensorzero_notebook import frames
from tensorzero_notebook.errors import UserError
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

HOSTILE = "'; DROP TABLE ChatInference; -- {p0:String} \\ ` \" \u2028 \x1b[31m <script>"
EPISODE = uuid_at(5, 77)


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    opened = Database.open("chdb://memory")
    opened.write(
        [
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
    )
    yield opened
    opened.close()


@pytest.fixture
def read(database: Database) -> Callable[..., pd.DataFrame]:
    return lambda *arguments, **keywords: frames.inferences(*arguments, database=database, **keywords)


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


def test_a_cut_is_said_aloud(read: Any) -> None:
    with pytest.warns(frames.FrameCut, match=r"2 of 4 inferences: the newest ones\. limit=None reads all\."):
        frame = read(limit=2)
    assert ids(frame) == [40, 30]
    assert (frame.attrs["cut"], frame.attrs["rows"], frame.attrs["total"]) == (True, 2, 4)


@pytest.mark.parametrize("limit", [4, 1000, None])
def test_without_a_cut_nothing_is_said(read: Any, limit: int | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = read(limit=limit)
    assert (len(frame), frame.attrs["cut"]) == (4, False)


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
        ({"limit": -1}, "limit must be"),
        ({"metrics": {"rating": "high"}}, r"True, False, a number, or \(low, high\)"),
        ({"as_": "polars"}, "as_ must be"),
    ],
)
def test_a_wrong_keyword_is_told_in_words(read: Any, keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(**keywords)


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
