"""What is exported is read again byte for byte, in both formats, or not at all."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contract.care import RiskStratified
from services.contract.codec import Record
from services.contract.topics import DEAD_LETTERS, HEALTH_EVENTS
from services.replay.json_lines import decode_row, encode_row
from services.replay.log import LogError, Manifest
from services.replay.log_file import export, files_to_write, open_log, write_files
from services.runtime.fold import Row
from tests.unit.replay.recorded_run import (
    PARTITIONS,
    EditableLog,
    counted_run,
    verified,
    with_header,
)

FORMATS = ("jsonl", "parquet")
ODD_VALUES = (
    b"",
    b"\xff\xfe\x00",
    b"not JSON",
    b'{ "spaced" : 1.10 }',
    b'{"a":1,"a":2}',
    b'{"n":123456789012345678901234567890}',
    b"[" * 5000,
    b"[" * 300 + b"]" * 300,
    '{"\u7b5b":"\u2028"}'.encode(),
    b'{"escaped":"\\u7b5b"}',
    b"NaN",
    b"null",
    b'{"base64":"AAA="}',
    b"two\nlines",
)  # fmt: skip


def written(log, folder, kind):
    path = folder / f"out.{kind}"
    export(log, files_to_write(path, None), lambda _count: None)
    return path


def rows_of(log):
    return {
        (topic, partition): list(log.rows(topic, partition))
        for topic, ends in log.manifest.end_offsets.items()
        for partition in range(len(ends))
    }


def odd_log():
    log = counted_run()
    log.records[DEAD_LETTERS, 0] += [
        Record(b"\xff-key", value, (("x", b"\xfe"), ("x", b"twice"), ("", b"")))
        for value in ODD_VALUES
    ]
    return log


@pytest.mark.parametrize("kind", FORMATS)
def test_every_record_comes_back_byte_for_byte_with_its_place_and_time(kind, tmp_path):
    log = odd_log()

    path = written(log, tmp_path, kind)

    with open_log(path) as again:
        assert again.manifest == log.manifest
        assert rows_of(again) == rows_of(log)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_exported_run_verifies_without_a_difference(kind, tmp_path):
    path = written(counted_run(), tmp_path, kind)

    with open_log(path) as again:
        report = verified(again)

    assert report.differences == 0
    assert report.stages["screening"].regenerated == 20


@pytest.mark.parametrize("kind", FORMATS)
def test_an_exported_run_with_a_changed_byte_does_not_verify(kind, tmp_path):
    log = counted_run()
    topic, partition, index = log.of_type(RiskStratified.TYPE)[5]
    record = log.records[topic, partition][index]
    log.records[topic, partition][index] = with_header(record, "ce_source", b"/elsewhere")

    with open_log(written(log, tmp_path, kind)) as again:
        report = verified(again)

    assert report.differences == 1
    assert "-ce_source: /elsewhere" in "\n".join(report.shown[0].lines())


@pytest.mark.parametrize("kind", FORMATS)
def test_reading_may_begin_in_the_middle_of_a_partition(kind, tmp_path):
    log = counted_run()

    with open_log(written(log, tmp_path, kind)) as again:
        found = [row.offset for row in again.rows(HEALTH_EVENTS, 1, 3)]

    assert found == list(range(3, len(log.records[HEALTH_EVENTS, 1])))


@pytest.mark.parametrize("kind", FORMATS)
def test_two_partitions_can_be_read_at_the_same_time(kind, tmp_path):
    log = counted_run()

    with open_log(written(log, tmp_path, kind)) as again:
        pairs = list(zip(again.rows(HEALTH_EVENTS, 0), again.rows(HEALTH_EVENTS, 1), strict=False))

    expected = zip(log.rows(HEALTH_EVENTS, 0), log.rows(HEALTH_EVENTS, 1), strict=False)
    assert pairs == list(expected)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_empty_log_is_exported_too(kind, tmp_path):
    empty = EditableLog({(topic, each): [] for topic, each in counted_run().records})

    with open_log(written(empty, tmp_path, kind)) as again:
        assert again.manifest.partitions == PARTITIONS
        assert verified(again).differences == 0


def test_lines_stand_in_the_order_of_topic_partition_and_offset(tmp_path):
    path = written(counted_run(), tmp_path, "jsonl")

    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()[1:]]

    places = [(line["topic"], line["partition"], line["offset"]) for line in lines]
    assert places == sorted(places)
    assert len(places) == counted_run().manifest.records


def test_an_event_stands_in_its_line_as_json_that_tools_can_read(tmp_path):
    path = written(counted_run(), tmp_path, "jsonl")

    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()[1:]]

    stratified = [line for line in lines if ["ce_type", RiskStratified.TYPE] in line["headers"]]
    assert {line["value"]["stratum"] for line in stratified} == {"none"}


def test_lines_in_any_order_of_partitions_are_found(tmp_path):
    log = counted_run()
    path = written(log, tmp_path, "jsonl")
    manifest, *lines = path.read_bytes().splitlines(keepends=True)
    lines.sort(key=lambda line: orjson.loads(line)["offset"])
    path.write_bytes(manifest + b"".join(lines))

    with open_log(path) as again:
        assert rows_of(again) == rows_of(log)


def test_lines_whose_fields_were_sorted_by_a_tool_are_read(tmp_path):
    log = odd_log()
    path = written(log, tmp_path, "jsonl")
    manifest, *lines = path.read_bytes().splitlines()
    again = [orjson.dumps(orjson.loads(line), option=orjson.OPT_SORT_KEYS) for line in lines]
    path.write_bytes(b"\n".join([manifest, *again]))

    with open_log(path) as read:
        headers = [row.record.headers for row in read.rows(HEALTH_EVENTS, 0)]

    assert headers == [row.record.headers for row in log.rows(HEALTH_EVENTS, 0)]


def test_parquet_that_a_tool_wrote_anew_in_one_group_is_read(tmp_path):
    import pyarrow.parquet as pq

    log = odd_log()
    path = written(log, tmp_path, "parquet")
    pq.write_table(pq.read_table(path), path)

    with open_log(path) as again:
        assert rows_of(again) == rows_of(log)


raw = st.binary(max_size=40)
headers = st.lists(st.tuples(st.text(max_size=8), raw), max_size=4).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
).map(lambda value: json.dumps(value).encode())
records = st.builds(Record, key=raw, value=raw | json_values, headers=headers)


@given(records, st.integers(0, 2**53), st.integers(0, 2**41))
def test_any_bytes_survive_a_line_of_json(record, offset, timestamp_ms):
    row = Row(offset, record, timestamp_ms)

    assert decode_row(encode_row("dead-letters", 3, row)) == ("dead-letters", 3, row)


def test_a_name_without_suffix_is_a_folder_for_both_formats(tmp_path):
    out = tmp_path / "exported"

    export(counted_run(), files_to_write(out, None), lambda _count: None)

    assert sorted(file.name for file in out.iterdir()) == ["log.jsonl", "log.parquet"]
    with open_log(out) as again:
        assert again.manifest == counted_run().manifest


def test_an_export_that_breaks_off_leaves_no_file_and_spares_the_old_one(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("what was there")

    with pytest.raises(RuntimeError), write_files({path: "jsonl"}, Manifest({})):
        raise RuntimeError

    assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]
    assert path.read_text() == "what was there"


def test_a_log_that_gives_fewer_records_than_its_end_offsets_say_is_not_exported(tmp_path):
    log = counted_run()
    last = len(log.records[HEALTH_EVENTS, 0]) - 1
    log.missing_offsets.add((HEALTH_EVENTS, 0, last))

    with pytest.raises(LogError, match=f"health-events/0 ends after offset {last - 1}"):
        written(log, tmp_path, "jsonl")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
@pytest.mark.parametrize("content", [b"", b"no log", b"{}\n", b'{"careloop_log":99}\n'])
def test_a_file_that_is_no_log_is_refused_by_name(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(LogError, match=name), open_log(path):
        pass


def test_a_log_of_a_later_format_is_refused(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_bytes(b'{"careloop_log":2,"exported_at":"","topics":{}}\n')

    with pytest.raises(LogError, match="its format is 2; this version reads 1"), open_log(path):
        pass


def test_a_suffix_and_a_format_that_contradict_each_other_are_refused(tmp_path):
    with pytest.raises(LogError, match="says jsonl, --format says parquet"):
        files_to_write(tmp_path / "out.jsonl", "parquet")
