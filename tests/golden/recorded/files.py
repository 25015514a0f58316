"""The recorded requests and the rows expected of them, as compressed JSON Lines."""

import json
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent

Row = list[Any]
"""`[member, stage, kind, at, episode, content]`; see `rows`."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it went through a door. at: when, by the city's clock. status: the answer."""

    at: datetime
    path: str
    headers: dict[str, str]
    body: bytes
    status: int


def read_requests(name: str) -> list[Request]:
    """Return the recorded requests, in the order in which they were sent."""
    return [
        Request(
            at=datetime.fromisoformat(line["at"]),
            path=line["path"],
            headers=line["headers"],
            body=line["body"].encode(),
            status=line["status"],
        )
        for line in _read(f"{name}.requests")
    ]


def write_requests(name: str, requests: Iterable[Request]) -> None:
    """Record requests; their bodies are text."""
    lines = (
        asdict(each) | {"at": each.at.isoformat(), "body": each.body.decode()} for each in requests
    )
    _write(f"{name}.requests", lines)


def read_rows(name: str) -> list[Row]:
    """Return the rows expected; none if none are recorded yet."""
    return list(_read(f"{name}.rows")) if _path(f"{name}.rows").exists() else []


def write_rows(name: str, rows: Iterable[Row]) -> None:
    """Expect these rows from now on."""
    _write(f"{name}.rows", sorted(rows, key=json.dumps))


def _path(name: str) -> Path:
    return FOLDER / f"{name}.jsonl.xz"


def _read(name: str) -> Iterator[Any]:
    with lzma.open(_path(name), "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _write(name: str, values: Iterable[Any]) -> None:
    """Write values, one a line; the same values give the same bytes."""
    lines = (json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in values)
    text = "".join(f"{line}\n" for line in lines)
    _path(name).write_bytes(lzma.compress(text.encode(), preset=9))
