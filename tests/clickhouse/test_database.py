"""A Database as its users see it: accepted rows, answers, targets of feedback, errors."""

from __future__ import annotations

import datetime
import decimal
import threading
import time
import uuid
from pathlib import Path

import pytest
from sample_rows import inference, thumbs_up
from stored_rows import OpenDatabase, assert_inferences_once, assert_thumbs_once

from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.errors import (
    DatabaseUnavailable,
    InvalidDatabaseUrl,
    QueryRefused,
    SpoolError,
    StorageError,
)
from tensorzero.clickhouse.query import Query
from tensorzero.clickhouse.url import EngineAddress, ServerAddress, parse_url
from tensorzero.clickhouse.uuids import number_of

pytestmark = pytest.mark.slow


def test_a_read_sees_every_row_written_before_it(tmp_path: Path, open_database: OpenDatabase) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    wanted: set[str] = set()
    thumbs: set[str] = set()
    for _ in range(20):
        inference_id, rows = inference(tags={"a": "b"})
        database.write(rows)
        wanted.add(inference_id)
        feedback_id, feedback = thumbs_up(inference_id, tags={"c": "d"})
        database.write(feedback)
        thumbs.add(feedback_id)
    assert_inferences_once(database, wanted, tagged=True)
    assert_thumbs_once(database, thumbs, tagged=True)


def test_rows_arrive_by_themselves_within_a_moment(tmp_path: Path, open_database: OpenDatabase) -> None:
    """The best of five, as other programs may have the processor."""
    database = open_database(f"chdb://{tmp_path}/db")

    def seconds(rows: int) -> float:
        database.write(inference()[1])
        began = time.monotonic()
        while database.query(Query("SELECT count() AS n FROM ChatInference"), flush=False) != [{"n": rows}]:
            assert time.monotonic() - began < 30
            time.sleep(0.01)
        return time.monotonic() - began

    assert min(seconds(rows) for rows in range(1, 6)) < 3


def test_rows_of_many_threads_are_all_there(open_database: OpenDatabase) -> None:
    database = open_database("chdb://memory")
    wanted: set[str] = set()

    def write() -> None:
        for _ in range(100):
            inference_id, rows = inference()
            database.write(rows)
            wanted.add(inference_id)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_inferences_once(database, wanted)


def test_values_come_back_as_python_values(open_database: OpenDatabase) -> None:
    database = open_database("chdb://memory")
    given = uuid.UUID("0199d5c3-0000-7000-8000-0123456789ab")
    sql = (
        """
        SELECT {id:UUID} AS id, toDecimal64('0.000016', 9) AS cost, """
        + number_of("{id:UUID}")
        + """ AS big,
            {text:String} AS text, {names:Array(String)} AS names, toDateTime64('2026-01-02 03:04:05.678', 3, 'UTC') AS at
    """
    )
    [row] = database.query(Query(sql, {"id": given, "text": "it's \\ {x}\n\t", "names": ["a'b", "c\\"]}))
    assert row["id"] == given
    assert row["cost"] == decimal.Decimal("0.000016")
    assert row["big"] == given.int
    assert row["text"] == "it's \\ {x}\n\t"
    assert list(row["names"]) == ["a'b", "c\\"]
    assert row["at"].replace(tzinfo=None) == datetime.datetime(2026, 1, 2, 3, 4, 5, 678000)


def test_arrow_gives_a_table(open_database: OpenDatabase) -> None:
    table = open_database("chdb://memory").arrow(
        Query("SELECT number AS n, toString(number) AS t FROM numbers({n:UInt32})", {"n": 3})
    )
    assert table.to_pylist() == [{"n": 0, "t": "0"}, {"n": 1, "t": "1"}, {"n": 2, "t": "2"}]


def test_targets_are_found_before_and_after_delivery(tmp_path: Path, open_database: OpenDatabase) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    episode_id = uuid.uuid4()
    inference_id, rows = inference(episode_id=str(episode_id))
    database.write(rows)
    before = database.find_inference(uuid.UUID(inference_id)), database.find_episode(episode_id)
    database.flush()
    after = database.find_inference(uuid.UUID(inference_id)), database.find_episode(episode_id)
    assert before == after
    assert before[0] is not None
    assert (before[0].function_name, before[0].variant_name, before[0].function_type) == ("draft", "v", "chat")
    assert before[0].episode_id == episode_id
    assert database.find_inference(uuid.uuid4()) is None
    assert database.find_episode(uuid.uuid4()) is None


def test_the_latest_inference_speaks_for_an_episode(open_database: OpenDatabase) -> None:
    database = open_database("chdb://memory")
    episode_id = uuid.uuid4()
    for variant in ("first", "second", "third"):
        database.write(inference(episode_id=str(episode_id), variant=variant)[1])
        found = database.find_episode(episode_id)
        assert found is not None
        assert found.variant_name == variant
    database.flush()
    found = database.find_episode(episode_id)
    assert found is not None
    assert found.variant_name == "third"


def test_a_closed_database_opens_again_with_the_next_call(tmp_path: Path, open_database: OpenDatabase) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    first, rows = inference()
    database.write(rows)
    database.close()
    assert database.status()["open"] is False
    assert list((tmp_path / "db.spool").rglob("*.spool")) == []
    second, rows = inference()
    database.write(rows)
    assert_inferences_once(database, {first, second})


def test_a_second_directory_in_one_process_is_refused_by_name(tmp_path: Path, open_database: OpenDatabase) -> None:
    first = open_database(f"chdb://{tmp_path}/one")
    with pytest.raises(StorageError, match=r"one`.*cannot open.*two`") as raised:
        open_database(f"chdb://{tmp_path}/two")
    assert raised.value.hint
    first.close()
    assert open_database(f"chdb://{tmp_path}/two").query(Query("SELECT 1 AS n")) == [{"n": 1}]


def test_two_databases_share_one_directory(tmp_path: Path, open_database: OpenDatabase) -> None:
    one = open_database(f"chdb://{tmp_path}/db")
    other = open_database(f"chdb://{tmp_path}/db?database=other")
    inference_id, rows = inference()
    one.write(rows)
    assert_inferences_once(one, {inference_id})
    assert_inferences_once(other, set())
    one.close()
    assert_inferences_once(other, set())


def test_a_database_dropped_without_close_lets_go_of_its_directory(tmp_path: Path, open_database: OpenDatabase) -> None:
    database = Database.open(f"chdb://{tmp_path}/one")
    database.write(inference()[1])
    del database
    again = open_database(f"chdb://{tmp_path}/two")
    assert_inferences_once(again, set())
    again.close()
    first = open_database(f"chdb://{tmp_path}/one")
    assert first.query(Query("SELECT count() AS n FROM ChatInference")) == [{"n": 1}]


def test_lone_surrogates_do_not_stop_a_row(open_database: OpenDatabase) -> None:
    database = open_database("chdb://memory")
    inference_id, rows = inference()
    rows[1][1]["raw_response"] = "a\ud800b"
    database.write(rows)
    assert database.query(Query("SELECT raw_response FROM ModelInference")) == [{"raw_response": "a\ufffdb"}]
    assert_inferences_once(database, {inference_id})


def test_a_value_that_is_not_json_is_refused_whole(open_database: OpenDatabase) -> None:
    database = open_database("chdb://memory")
    _, rows = inference()
    rows[1][1]["raw_response"] = object()
    with pytest.raises(SpoolError, match="cannot be written as JSON"):
        database.write(rows)
    assert_inferences_once(database, set())


def test_a_wrong_statement_carries_clickhouses_code(open_database: OpenDatabase) -> None:
    database = open_database("chdb://memory")
    with pytest.raises(QueryRefused) as raised:
        database.query(Query("SELECT nothing FROM NoSuchTable"))
    assert raised.value.code == 60


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(DatabaseUnavailable, match="ClickHouse is not healthy") as raised:
        Database.open("http://someone:hunter2@127.0.0.1:9/db")
    assert "hunter2" not in f"{raised.value!r} {raised.value.hint}"
    assert "hunter2" not in repr(Database("http://someone:hunter2@127.0.0.1:9/db"))
    assert "hunter2" not in repr(parse_url("http://someone:hunter2@127.0.0.1:9/db"))


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be used") as raised:
        Database.open(f"chdb://{tmp_path}/file/db")
    assert raised.value.hint


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("clickhouse://h/db", "Invalid scheme in ClickHouse URL: 'clickhouse'. Use 'http' or 'https' instead."),
        ("clickhousedb://h/db", "Invalid scheme in ClickHouse URL: 'clickhousedb'. Use 'http' or 'https' instead."),
        ("http://h/db?database=x", "The query string 'database' is not allowed in the ClickHouse URL"),
        ("http://h/a/b", "The path of the ClickHouse URL must be of length 0 or 1, and end with the database name if set"),
        ("ftp://h/db", "Invalid scheme in ClickHouse URL: 'ftp'. Only 'http' and 'https' are supported."),
        ("u:secret@h", "Invalid scheme in ClickHouse URL: 'u'. Only 'http' and 'https' are supported."),
        ("http://u:secret@/db", "Invalid ClickHouse database URL"),
        ("nonsense", "Invalid ClickHouse database URL"),
        ("tcp://h/db", "Invalid scheme in ClickHouse URL: 'tcp'. Only 'http' and 'https' are supported."),
        ("localhost:8123", "Invalid scheme in ClickHouse URL: 'localhost'. Only 'http' and 'https' are supported."),
        ("http://h:notaport/db", "Invalid ClickHouse database URL"),
        ("chdb://host/db", "Invalid chdb URL: 'chdb://host/db'"),
        ("chdb:///", "Invalid chdb URL: 'chdb:///'"),
        ("chdb:///a%3Fb", "Invalid chdb URL: 'chdb:///a%3Fb'"),
    ],
)
def test_a_wrong_url_is_refused_in_the_originals_words(url: str, words: str) -> None:
    with pytest.raises(InvalidDatabaseUrl) as raised:
        parse_url(url)
    assert raised.value.message == words


def test_urls_say_host_database_and_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    server = parse_url("https://us%40er:p%2Fw@host/a?max_threads=2&input_format_null_as_default=1")
    assert server == ServerAddress("host", 443, True, "a", "us@er", "p/w", (("max_threads", "2"),))
    assert parse_url("http://host") == ServerAddress("host", 80, False, "default")
    assert parse_url("http://u:p@[::1]:8123/a").label == "http://[::1]:8123/a"
    named = parse_url("http://host/a?user=u&password=p%3D&max_threads=2")
    assert named == ServerAddress("host", 80, False, "a", "u", "p=", (("max_threads", "2"),))
    assert "p=" not in repr(named)
    assert parse_url("chdb://memory?database=x") == EngineAddress(None, "x")
    assert parse_url("chdb://./a/b") == EngineAddress(tmp_path / "a" / "b", "tensorzero")
    assert parse_url("chdb:///a//b/../c") == EngineAddress(Path("/a/c"), "tensorzero")
