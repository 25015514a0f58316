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
    producer: str
    consumers: tuple[str, ...]
    personal_data: Literal["none", "personal", "health", "money"]
    sentence: str

    @property
    def is_fact(self) -> bool:
        """Whether the type comes from outside, and so cannot be regenerated."""
        return self.producer in {"gateway", "clock"}


def events_folder() -> Traversable:
    """Return the folder of published artefacts: inside the wheel, or beside `services/`."""
    packaged = resources.files("services.contract") / "events"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "events"


@lru_cache(maxsize=1)
def catalog() -> dict[str, CatalogEntry]:
    """Return the entries of `events/catalog.toml` by type name."""
    text = (events_folder() / "catalog.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["event"]
    entries = [
        CatalogEntry(
            type=row["type"],
            topics=tuple(row["topics"]),
            producer=row["producer"],
            consumers=tuple(row["consumers"]),
            personal_data=row["personal_data"],
            sentence=row["sentence"],
        )
        for row in rows
    ]
    return {entry.type: entry for entry in entries}
