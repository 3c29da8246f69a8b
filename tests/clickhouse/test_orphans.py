"""What a dead process left counts as stored before it is delivered."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_rows import inference, thumbs_up

from tensorzero.clickhouse.database import encode_row
from tensorzero.clickhouse.orphans import Orphans
from tensorzero.clickhouse.pending import Target
from tensorzero.clickhouse.segment import encode_record
from tensorzero.clickhouse.spool import Spool


def leave(directory: Path, *records: list[tuple[str, dict[str, object]]]) -> None:
    """A process wrote these records and ended."""
    spool = Spool(directory)
    for rows in records:
        spool.append(encode_record([table.encode() + b"\t" + encode_row(row) + b"\n" for table, row in rows]))
    spool.close()


@pytest.fixture
def orphans() -> Iterator[Orphans]:
    found = Orphans()
    yield found
    found.release()


def cached(key: str, timestamp: int) -> list[tuple[str, dict[str, object]]]:
    return [("ModelInferenceCache", {"long_cache_key": key, "short_cache_key": "1", "timestamp": timestamp, "output": "[]"})]


def test_an_inference_is_found_by_its_id_and_by_its_episode(tmp_path: Path, orphans: Orphans) -> None:
    first, rows = inference()
    episode_id = rows[0][1]["episode_id"]
    second, later = inference(episode_id=episode_id, variant="w")
    leave(tmp_path, rows, thumbs_up(first)[1], later, inference()[1])
    leave(tmp_path, inference()[1])
    orphans.claim(tmp_path)
    assert orphans.inference(uuid.UUID(first)) == Target("draft", "v", uuid.UUID(episode_id), "chat")
    assert orphans.asked(uuid.UUID(second)) == {"output": [{"type": "text", "text": "Hi"}]}
    assert orphans.episode(uuid.UUID(episode_id)) == Target("draft", "w", uuid.UUID(episode_id), "chat")


def test_an_id_that_only_other_rows_mention_is_no_inference(tmp_path: Path, orphans: Orphans) -> None:
    quoting, rows = inference()
    somebody = str(uuid.uuid4())
    rows[0][1]["tags"] = {"id": somebody}
    rows[1][1]["raw_request"] = f'{{"id":"{somebody}"}}'
    leave(tmp_path, rows, thumbs_up(somebody)[1])
    orphans.claim(tmp_path)
    assert orphans.inference(uuid.UUID(quoting))
    assert orphans.inference(uuid.UUID(somebody)) is None
    assert orphans.asked(uuid.UUID(somebody)) is None
    assert orphans.episode(uuid.UUID(somebody)) is None


def test_the_latest_cache_entry_under_a_key_counts(tmp_path: Path, orphans: Orphans) -> None:
    leave(tmp_path, cached("aa", 3), cached("aa", 5), cached("ab", 9))
    leave(tmp_path, cached("aa", 4))
    orphans.claim(tmp_path)
    found = orphans.cache_entry("aa")
    assert found
    assert found["timestamp"] == 5
    assert orphans.cache_entry("a") is None


def test_what_is_delivered_is_not_looked_at_any_more(tmp_path: Path, orphans: Orphans) -> None:
    first, rows = inference()
    second, later = inference()
    leave(tmp_path, rows, later)
    orphans.claim(tmp_path)
    [segment] = orphans.segments()
    batch = segment.read(2)
    assert batch
    segment.mark(batch.end)
    assert orphans.inference(uuid.UUID(first)) is None
    assert orphans.inference(uuid.UUID(second))
    orphans.delivered(segment)
    assert not orphans
    assert not list(tmp_path.glob("*.spool"))


def test_a_file_that_cannot_be_read_waits_for_another_try_and_is_told_of_once(
    tmp_path: Path, orphans: Orphans, caplog: pytest.LogCaptureFixture
) -> None:
    leave(tmp_path, inference()[1])
    for _ in range(3):
        orphans.claim(tmp_path)
        [segment] = orphans.segments()
        with caplog.at_level(logging.WARNING):
            orphans.give_back(segment, OSError(5, "Input/output error"))
        assert not orphans
    assert caplog.text.count("cannot be read now") == 1
    assert len(list(tmp_path.glob("*.spool"))) == 1
