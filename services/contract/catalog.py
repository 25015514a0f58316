"""The catalog: which service produces each event type, onto which topic, for whom."""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One event type: its owner, its readers, and how personal it is."""

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

    @property
    def producer(self) -> str:
        """The one service that says it; of several, see `producer_of`."""
        (only,) = self.producers
        return only


class UnknownProducerError(ValueError):
    """A type of several producers, from a source that is none of them."""


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
    """Return the entries of a catalog in TOML; each names its `producer`, or several `producers`."""
    return [
        CatalogEntry(
            type=row["type"],
            topics=tuple(row["topics"]),
            producers=tuple(row["producers"]) if "producers" in row else (row["producer"],),
            consumers=tuple(row["consumers"]),
            personal_data=row["personal_data"],
            sentence=row["sentence"],
        )
        for row in tomllib.loads(text)["event"]
    ]


def producer_of(event_type: str, source: str) -> str:
    """Return which service said an event: its type's producer, or of several the one in `source`.

    The source of what a service says is `/careloop/<service>`; that of a fact is its sender's.

    Raises:
        KeyError: the catalog does not list the type.
        UnknownProducerError: several services say it, and the source is none of them.
    """
    producers = catalog()[event_type].producers
    if len(producers) == 1:
        return producers[0]
    for producer in producers:
        if source == f"/careloop/{producer}":
            return producer
    raise UnknownProducerError(f"{event_type} is said by {producers}, not by {source!r}")
