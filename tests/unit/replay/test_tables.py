"""A log as tables: a file for each type, a column for each field, each event once."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from services.contract.catalog import catalog
from services.contract.codec import Record, decode
from services.contract.registry import EVENT_TYPES, newest
from services.contract.topics import DEAD_LETTERS, EVENT_TOPICS, HEALTH_EVENTS
from services.replay.tables import columns, write_tables
from tests.contracts.examples import PATHS, record_by_sdk
from tests.unit.replay.recorded_run import PARTITIONS, EditableLog, counted_run

OBSERVED = "careloop.observation.recorded.v2.parquet"


def tables(log, folder: Path) -> int:
    return write_tables(log, folder, lambda _count: None)


def test_every_type_has_columns_for_all_its_fields_beside_those_of_every_event():
    for data_type in EVENT_TYPES:
        names = columns(data_type).names

        assert len(names) == len(set(names)), data_type
        assert set(data_type.model_fields) <= set(names), data_type


def plain(value):
    """Return a value as Parquet gives it back: what stands in a row is a list."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def log_of(record):
    topic = catalog()[decode(record).type].topics[0]
    places = [(each, n) for each in (*EVENT_TOPICS, DEAD_LETTERS) for n in range(PARTITIONS)]
    return EditableLog({place: [record] if place == (topic, 0) else [] for place in places})


def test_every_published_example_reads_back_as_it_was(tmp_path):
    for number, path in enumerate(PATHS):
        record = record_by_sdk(path)
        event = decode(record)
        folder = tmp_path / str(number)

        count = tables(log_of(record), folder)

        [row] = pq.read_table(folder / f"{event.type}.parquet").to_pylist()
        said = plain(event.data.model_dump())
        assert count == 1
        assert {name: row[name] for name in said} == said, path


def test_each_event_stands_there_once_and_what_is_no_event_is_left_out(tmp_path):
    log = counted_run()
    count = tables(log, tmp_path / "before")
    log.records[HEALTH_EVENTS, 0] += [
        log.records[HEALTH_EVENTS, 0][0],
        Record(b"h", b"{}", (("ce_type", b"careloop.nothing.v1"),)),
    ]

    again = tables(log, tmp_path / "after")

    query = "SELECT value, unit FROM read_parquet($file)"
    file = str(tmp_path / "after" / OBSERVED)
    values = duckdb.execute(query, {"file": file}).fetchall()
    assert again == count
    assert sorted(values) == sorted([(v, "mm[Hg]") for v in (120.0, 130.0, -1.0, 140.0)] * 4)
    assert len(list((tmp_path / "after").iterdir())) == len({newest(each) for each in EVENT_TYPES})


def test_texts_numbers_days_and_parts_are_what_the_events_say(tmp_path):
    log = counted_run()
    tables(log, tmp_path)
    first = decode(log.records[HEALTH_EVENTS, 0][0])
    query = """
        SELECT member, happened_at, sequence, codes[1].code FROM read_parquet($file)
        WHERE event_id = $event
    """
    asked = {"file": str(tmp_path / OBSERVED), "event": first.id}
    rows = duckdb.execute(query, asked).fetchall()

    assert rows == [(first.subject, first.time, first.sequence, "8480-6")]
