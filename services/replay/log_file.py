"""A log as a file: which format, writing it whole or not at all, opening it again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Literal, Protocol

from services.replay.json_lines import JsonLinesLog, JsonLinesWriter
from services.replay.log import LogError, Manifest, RecordedLog
from services.replay.parquet import ParquetLog, ParquetWriter
from services.runtime.fold import Row

Format = Literal["jsonl", "parquet"]
SUFFIXES: Final[dict[str, Format]] = {".jsonl": "jsonl", ".parquet": "parquet"}
NAME_IN_FOLDER: Final = "log"


class LogFileWriter(Protocol):
    """Writes records in the order given; the file is complete once it is closed."""

    def write(self, topic: str, partition: int, row: Row) -> None:
        """Append one record."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


def files_to_write(out: Path, wanted: Format | None) -> dict[Path, Format]:
    """Return the files to write: by the suffix of `out`, or into the folder that it names.

    Raises:
        LogError: the suffix and the wanted format contradict each other.
    """
    found = SUFFIXES.get(out.suffix)
    if out.is_dir() or (found is None and not out.suffix):
        formats: Sequence[Format] = (wanted,) if wanted else tuple(SUFFIXES.values())
        return {out / f"{NAME_IN_FOLDER}.{each}": each for each in formats}
    if wanted is not None and found not in {None, wanted}:
        raise LogError(f"{out} says {found}, --format says {wanted}")
    chosen = wanted or found
    if chosen is None:
        raise LogError(f"{out}: end the name in .jsonl or .parquet, or give --format")
    return {out: chosen}


@contextmanager
def write_files(files: dict[Path, Format], manifest: Manifest) -> Iterator[list[LogFileWriter]]:
    """Open writers; the files appear under their names only when all is written."""
    with ExitStack() as unfinished:
        writers: list[LogFileWriter] = []
        parts = {path: path.with_name(f"{path.name}.part") for path in files}
        for path, kind in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            make = JsonLinesWriter if kind == "jsonl" else ParquetWriter
            writer: LogFileWriter = make(parts[path], manifest)
            unfinished.callback(parts[path].unlink, missing_ok=True)
            unfinished.callback(writer.close)
            writers.append(writer)
        yield writers
        for writer in writers:
            writer.close()
        for path, part in parts.items():
            part.replace(path)
        unfinished.pop_all()


def export(
    log: RecordedLog, files: dict[Path, Format], progress: Callable[[int], None]
) -> Manifest:
    """Write every record by topic, partition and offset; `progress` is told how many more.

    Raises:
        LogError: the log ended before the end offsets of its own manifest.
    """
    manifest = log.manifest
    with write_files(files, manifest) as writers:
        for topic in sorted(manifest.end_offsets):
            for partition in range(len(manifest.end_offsets[topic])):
                _export_partition(log, topic, partition, writers, progress)
    return manifest


def _export_partition(
    log: RecordedLog,
    topic: str,
    partition: int,
    writers: Sequence[LogFileWriter],
    progress: Callable[[int], None],
) -> None:
    last = -1
    for row in log.rows(topic, partition):
        for writer in writers:
            writer.write(topic, partition, row)
        last = row.offset
        progress(1)
    end = log.manifest.end(topic, partition)
    if last < end - 1:
        raise LogError(f"{topic}/{partition} ends after offset {last}, before {end - 1}")


@contextmanager
def open_log(path: Path) -> Iterator[RecordedLog]:
    """Open an exported file, or the one in a folder (Parquet, if both formats are there).

    Raises:
        LogError: there is none, or it cannot be read.
    """
    file = _file_in(path) if path.is_dir() else path
    kind = SUFFIXES.get(file.suffix)
    if not file.is_file():
        raise LogError(f"{file}: there is no such file")
    try:
        with JsonLinesLog(file) if kind != "parquet" else ParquetLog(file) as log:
            yield log
    except LogError as error:
        raise LogError(f"{file}: {error}") from error


def _file_in(folder: Path) -> Path:
    for kind in ("parquet", "jsonl"):
        file = folder / f"{NAME_IN_FOLDER}.{kind}"
        if file.is_file():
            return file
    raise LogError(f"{folder}: holds neither log.parquet nor log.jsonl")
