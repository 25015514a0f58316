"""A log as one Parquet file for each event type, a column for each field: made to be queried.

Nothing is verified from these files; that needs the bytes, which `export` keeps.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from services.contract.codec import UndecodableError, decode
from services.contract.event import Event, EventData
from services.contract.registry import BY_TYPE, newest
from services.contract.topics import EVENT_TOPICS
from services.replay.log import RecordedLog
from services.runtime.fold import Row
from services.timeline.distinct import Distinct

ROWS_PER_GROUP: Final = 20_000
_INSTANT: Final = pa.timestamp("us", tz="UTC")
_ENVELOPE: Final = (
    ("event_id", pa.string()),
    ("sender", pa.string()),
    ("member", pa.string()),
    ("household", pa.string()),
    ("happened_at", _INSTANT),
    ("accepted_at", _INSTANT),
    ("stored_at", _INSTANT),
    ("sequence", pa.int64()),
    ("cause", pa.string()),
    ("care_episode", pa.string()),
    ("log_partition", pa.int32()),
    ("log_offset", pa.int64()),
)
"""What every file has beside the fields of its type, none of which has such a name."""

_BY_FORMAT: Final = {"date": pa.date32(), "date-time": _INSTANT}
_BY_TYPE: Final = {
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "null": pa.null(),
}


def columns(data_type: type[EventData]) -> Any:
    """Return the Arrow schema of an event type's file."""
    described = data_type.model_json_schema()
    found = _arrow(described, described.get("$defs", {}))
    return pa.schema([*(pa.field(*each) for each in _ENVELOPE), *found])


def _arrow(said: Mapping[str, Any], defined: Mapping[str, Any]) -> Any:
    """Return the Arrow type of what a JSON Schema describes, as pydantic writes them."""
    if "$ref" in said:
        return _arrow(defined[said["$ref"].rpartition("/")[2]], defined)
    if "anyOf" in said:
        kinds = [each for each in said["anyOf"] if each.get("type") != "null"]
        found = [_arrow(each, defined) for each in kinds]
        assert all(each == found[0] for each in found)  # one type, or nothing
        return found[0]
    match said.get("type"):
        case "object":
            fields = said["properties"].items()
            return pa.struct([pa.field(name, _arrow(each, defined)) for name, each in fields])
        case "array":
            return pa.list_(_arrow(said["items"], defined))
        case "string" | None:
            return _BY_FORMAT.get(said.get("format", ""), pa.string())
        case kind:
            return _BY_TYPE[kind]


class _Table:
    """The file of one type; a group of rows is held."""

    def __init__(self, path: Path, data_type: type[EventData]) -> None:
        self._schema = columns(data_type)
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= ROWS_PER_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            self._writer.write_table(pa.Table.from_pylist(rows, schema=self._schema))


def write_tables(log: RecordedLog, folder: Path, progress: Callable[[int], None]) -> int:
    """Write a file for each type that events are read as; return how many events there are.

    Each event stands there once. What is no event of the contract is left out. `progress` is told
    how many more records were read.

    Raises:
        LogError: the log cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {newest(data_type).TYPE for data_type in BY_TYPE.values()}
    count, distinct = 0, Distinct()
    with ExitStack() as closing:
        tables = {kind: _Table(folder / f"{kind}.parquet", BY_TYPE[kind]) for kind in kinds}
        for table in tables.values():
            closing.callback(table.close)
        for partition, row in _rows(log):
            progress(1)
            event = _event(row)
            if event is not None and (not event.sequence or distinct.is_new(event)):
                tables[event.type].add(_line(partition, row, event))
                count += 1
    return count


def _rows(log: RecordedLog) -> Iterator[tuple[int, Row]]:
    ends = log.manifest.end_offsets
    for topic in sorted(set(ends) & set(EVENT_TOPICS)):
        for partition in range(len(ends[topic])):
            for row in log.rows(topic, partition):
                yield partition, row


def _event(row: Row) -> Event[EventData] | None:
    try:
        return decode(row.record)
    except UndecodableError:
        return None


def _line(partition: int, row: Row, event: Event[EventData]) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "sender": event.source,
        "member": event.subject,
        "household": event.household,
        "happened_at": event.time,
        "accepted_at": event.recorded_time,
        "stored_at": datetime.fromtimestamp(row.timestamp_ms / 1000, UTC),
        "sequence": event.sequence,
        "cause": event.causation_id,
        "care_episode": event.correlation_id,
        "log_partition": partition,
        "log_offset": row.offset,
        **event.data.model_dump(),
    }
