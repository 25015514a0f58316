"""A recorded log, wherever it is kept."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from services.runtime.fold import Row

FORMAT_VERSION: Final = 1


class LogError(ValueError):
    """A log cannot be read or written; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a log holds.

    end_offsets: for each topic, the offset after the last record of each of its partitions.
    exported_at: RFC 3339; empty for a log that was never exported.
    """

    end_offsets: Mapping[str, tuple[int, ...]]
    exported_at: str = ""

    @property
    def partitions(self) -> int:
        """How many partitions the topic with most of them has; all should have as many."""
        return max((len(ends) for ends in self.end_offsets.values()), default=0)

    @property
    def records(self) -> int:
        """How many records there are, unless some have been removed."""
        return sum(map(sum, self.end_offsets.values()))

    def end(self, topic: str, partition: int) -> int:
        """Return the offset after the last record; 0 if there is no such partition."""
        ends = self.end_offsets.get(topic, ())
        return ends[partition] if partition < len(ends) else 0

    def encode(self) -> bytes:
        """Return the manifest as one line of JSON."""
        topics = {
            topic: {"partitions": len(ends), "end_offsets": ends}
            for topic, ends in self.end_offsets.items()
        }
        return orjson.dumps(
            {"careloop_log": FORMAT_VERSION, "exported_at": self.exported_at, "topics": topics}
        )

    @staticmethod
    def decode(line: bytes) -> "Manifest":
        """Return the manifest that `encode` wrote.

        Raises:
            LogError: it is not a manifest, or of a format that is not known here.
        """
        try:
            body: dict[str, Any] = orjson.loads(line)
            version = body["careloop_log"]
            ends = {topic: tuple(each["end_offsets"]) for topic, each in body["topics"].items()}
            exported_at = body["exported_at"]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise LogError("it does not begin with the manifest of an exported log") from error
        if version != FORMAT_VERSION:
            raise LogError(f"its format is {version}; this version reads {FORMAT_VERSION}")
        return Manifest(ends, exported_at)


class RecordedLog(Protocol):
    """Records by topic and partition, in offset order, up to the manifest's end offsets."""

    @property
    def manifest(self) -> Manifest:
        """What the log holds."""
        ...

    def rows(self, topic: str, partition: int, begin: int = 0) -> Iterator[Row]:
        """Iterate over the records of one partition from an offset on."""
        ...
