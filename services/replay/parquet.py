"""A log as Parquet: one row per record, bytes as binary columns, the manifest in the metadata."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from services.contract.codec import Record
from services.replay.log import LogError, Manifest
from services.runtime.fold import Row

ROWS_PER_GROUP: Final = 20_000
BYTES_PER_GROUP: Final = 64 << 20
_READ_ROWS: Final = 2_000
_MANIFEST: Final = b"careloop_log"
_SCHEMA: Final = (
    ("topic", "string"),
    ("partition", "int32"),
    ("offset", "int64"),
    ("timestamp_ms", "int64"),
    ("key", "binary"),
    ("headers", "headers"),
    ("value", "binary"),
)


def _schema(manifest: Manifest) -> Any:
    types = {
        "string": pa.string(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "binary": pa.binary(),
        "headers": pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())])),
    }
    fields = [pa.field(name, types[kind], nullable=False) for name, kind in _SCHEMA]
    return pa.schema(fields, metadata={_MANIFEST: manifest.encode()})


class ParquetWriter:
    """Writes a log to a file in row groups, each of one partition; one group is held."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        """Create the file."""
        self._schema = _schema(manifest)
        self._writer = pq.ParquetWriter(
            path, self._schema, compression="zstd", use_dictionary=["topic"]
        )
        self._at = ("", -1)
        self._rows: list[Row] = []
        self._bytes = 0

    def write(self, topic: str, partition: int, row: Row) -> None:
        """Append one record."""
        full = len(self._rows) >= ROWS_PER_GROUP or self._bytes >= BYTES_PER_GROUP
        if full or (topic, partition) != self._at:
            self._flush()
            self._at = (topic, partition)
        self._rows.append(row)
        self._bytes += len(row.record.value)

    def close(self) -> None:
        """Write what is left, and the file's end."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        rows, self._rows, self._bytes = self._rows, [], 0
        if not rows:
            return
        topic, partition = self._at
        columns = {
            "topic": [topic] * len(rows),
            "partition": [partition] * len(rows),
            "offset": [row.offset for row in rows],
            "timestamp_ms": [row.timestamp_ms for row in rows],
            "key": [row.record.key for row in rows],
            "headers": _headers([row.record.headers for row in rows]),
            "value": [row.record.value for row in rows],
        }
        self._writer.write_table(pa.table(columns, schema=self._schema))


def _headers(headers: list[tuple[tuple[str, bytes], ...]]) -> Any:
    """Return the column, built from flat lists: a dictionary per header would take most time."""
    offsets = [0]
    for each in headers:
        offsets.append(offsets[-1] + len(each))
    names = pa.array([name for each in headers for name, _ in each], pa.string())
    values = pa.array([value for each in headers for _, value in each], pa.binary())
    structs = pa.StructArray.from_arrays([names, values], names=["name", "value"])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs)


class ParquetLog:
    """A log read from a Parquet file; a few thousand rows are held at a time."""

    def __init__(self, path: Path) -> None:
        """Read the manifest.

        Raises:
            LogError: the file is not Parquet, or not an exported log.
        """
        try:
            self._file = pq.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise LogError(str(error)) from error
        self.manifest = Manifest.decode(
            (self._file.schema_arrow.metadata or {}).get(_MANIFEST, b"")
        )
        missing = {name for name, _ in _SCHEMA} - set(self._file.schema_arrow.names)
        if missing:
            raise LogError(f"these columns are missing: {', '.join(sorted(missing))}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def rows(self, topic: str, partition: int, begin: int = 0) -> Iterator[Row]:
        """Iterate over the records of one partition from an offset on."""
        wanted = {"topic": topic, "partition": partition}
        groups = [
            number
            for number in range(self._file.num_row_groups)
            if self._may_hold(number, wanted) and self._reaches(number, begin)
        ]
        if not groups:
            return
        columns = [name for name, _ in _SCHEMA]
        for batch in self._file.iter_batches(_READ_ROWS, row_groups=groups, columns=columns):
            for at, row in _rows(batch):
                if at == (topic, partition) and row.offset >= begin:
                    yield row

    def _may_hold(self, group: int, wanted: dict[str, Any]) -> bool:
        """Whether a row group can hold such rows; a tool may have written the file anew."""
        for name, value in wanted.items():
            found = self._statistics(group, name)
            if found is not None and not found.min <= value <= found.max:
                return False
        return True

    def _reaches(self, group: int, begin: int) -> bool:
        found = self._statistics(group, "offset")
        return found is None or bool(found.max >= begin)

    def _statistics(self, group: int, name: str) -> Any:
        index = self._file.schema_arrow.names.index(name)
        # Columns are counted as leaves; the one nested column has two.
        leaf = index + (1 if index > self._file.schema_arrow.names.index("headers") else 0)
        found = self._file.metadata.row_group(group).column(leaf).statistics
        return found if found is not None and found.has_min_max else None


def _rows(batch: Any) -> Iterator[tuple[tuple[str, int], Row]]:
    columns = {name: batch.column(name) for name, _ in _SCHEMA}
    headers = columns.pop("headers")
    flat = headers.flatten()
    pairs = list(zip(flat.field("name").to_pylist(), flat.field("value").to_pylist(), strict=True))
    lengths = headers.value_lengths().to_pylist()
    plain = [columns[name].to_pylist() for name in columns]
    position = 0
    for length, (topic, partition, offset, timestamp_ms, key, value) in zip(
        lengths, zip(*plain, strict=True), strict=True
    ):
        record = Record(key, value, tuple(pairs[position : position + length]))
        position += length
        yield (topic, partition), Row(offset, record, timestamp_ms)
