"""One member in one pathway's rehabilitation, while an event is being decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from services.member.calendar import BusinessDay, local_day
from services.member.covers import Covers
from services.pathways.guideline import Edition
from services.pathways.index import Pathway, pathways
from services.pathways.rehabilitation import Deadlines, Instrument, Rehabilitation


@dataclass(frozen=True, slots=True)
class Programme:
    """What is decided with: the guideline of the day, the member's covers, and the log's clock."""

    pathway: Pathway
    edition: Edition
    covers: Covers
    at: datetime

    @property
    def guideline(self) -> Rehabilitation:
        """The guideline's part."""
        assert self.edition.rehabilitation is not None  # only such pathways have programmes
        return self.edition.rehabilitation

    @property
    def instrument(self) -> Instrument:
        """What function is measured with."""
        return self.guideline.instrument

    @property
    def deadlines(self) -> Deadlines:
        """How long rehabilitation waits."""
        return self.guideline.deadlines

    def rule(self, line: str) -> str:
        """Return how a decision names the line that spoke."""
        return self.pathway.rule(self.edition, line)

    def is_late(self, when: datetime) -> bool:
        """Whether what happened at `when` calls nobody to act any more."""
        return self.at - when > self.deadlines.told_late.span


def programme(pathway: str, covers: Covers, when: datetime, at: datetime) -> Programme | None:
    """Return the programme of a pathway on the day of `when`; None if it has no rehabilitation."""
    found = pathways().get(pathway)
    edition = None if found is None else _edition(found, local_day(when))
    if found is None or edition is None:
        return None
    return Programme(found, edition, covers, at)


def measured(measure: str, covers: Covers, when: datetime, at: datetime) -> list[Programme]:
    """Return the programmes whose instrument is a measure of `terminology/measures.toml`."""
    found = _by_measure(local_day(when)).get(measure, ())
    return [Programme(pathway, edition, covers, at) for pathway, edition in found]


@lru_cache(maxsize=1024)
def _by_measure(day: BusinessDay) -> Mapping[str, list[tuple[Pathway, Edition]]]:
    """Return the guidelines of a day by what they measure with; gathered once for each day."""
    found: dict[str, list[tuple[Pathway, Edition]]] = {}
    for pathway in pathways().values():
        edition = _edition(pathway, day)
        if edition is not None and edition.rehabilitation is not None:
            measure = edition.rehabilitation.instrument.measure
            found.setdefault(measure, []).append((pathway, edition))
    return found


def _edition(pathway: Pathway, day: BusinessDay) -> Edition | None:
    """Return the edition in force; the last one with a rehabilitation, if that has dropped it.

    So a course that is on can go on to its end.
    """
    edition = pathway.on(day)
    if edition.rehabilitation is not None:
        return edition
    earlier = [one for one in pathway.guideline.editions if one.valid_from <= day]
    return next((one for one in reversed(earlier) if one.rehabilitation is not None), None)
