"""The catalog: which service produces each event type, onto which topic, for whom."""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One event type: its owners, its readers, and how personal it is.

    producers: one for most types; each event has one, see `producer_of`.
    """

    type: str
    topics: tuple[str, ...]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    personal_data: Literal["none", "personal", "health", "money"]
    sentence: str

    @property
    def is_fact(self) -> bool:
        """Whether the type comes from outside, and so cannot be regenerated."""
        return self.producers in {("gateway",), ("clock",)}


def events_folder() -> Traversable:
    """Return the folder of published artefacts: inside the wheel, or beside `services/`."""
    packaged = resources.files("services.contract") / "events"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "events"


@lru_cache(maxsize=1)
def catalog() -> dict[str, CatalogEntry]:
    """Return the entries of `events/catalog.toml` by type name."""
    text = (events_folder() / "catalog.toml").read_text(encoding="utf-8")
    return {entry.type: entry for entry in entries_of(text)}


def entries_of(text: str) -> list[CatalogEntry]:
    """Return the entries of a catalog in TOML; each names its `producers`."""
    return [
        CatalogEntry(
            type=row["type"],
            topics=tuple(row["topics"]),
            producers=tuple(row["producers"]),
            consumers=tuple(row["consumers"]),
            personal_data=row["personal_data"],
            sentence=row["sentence"],
        )
        for row in tomllib.loads(text)["event"]
    ]


SOURCE_ROOT: Final = "/careloop/"

UNKNOWN: Final = "unknown"
"""Stands for the producer of an event that comes from none of its type's producers."""


def source_of(producer: str) -> str:
    """Return the CloudEvents source of what a service derives."""
    return f"{SOURCE_ROOT}{producer}"


def producer_of(event_type: str, source: str) -> str | None:
    """Return the service that an event comes from; None for an unknown type or a stranger.

    A type with one producer is that producer's, whatever its source: a fact has its sender's.
    """
    entry = catalog().get(event_type)
    if entry is None:
        return None
    if len(entry.producers) == 1:
        return entry.producers[0]
    named = source.removeprefix(SOURCE_ROOT)
    return named if named in entry.producers else None
