"""The shape of a `guideline.toml`: what a guideline says of one condition, edition by edition.

Days are business days. A line states what must hold, all of it, and says `why` in words that a
decision repeats. Whatever no line says does not limit.
"""

from collections.abc import Container, Iterable, Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from services.contract.frozen import Day, Text, Word
from services.pathways.criteria import Criterion, Limit, Repeated
from services.pathways.rehabilitation import Rehabilitation
from services.terminology.lookup import Table, known_diagnoses, panels, questions


def _must_be_known(where: str, names: Iterable[str], known: Container[str]) -> None:
    unknown = sorted({name for name in names if name not in known})
    if unknown:
        raise ValueError(f"{where}: {', '.join(unknown)} is not known; check the spelling")


class Cadence(Table):
    """How soon a reading is followed by the next, where the criterion holds; the first that does.

    recheck: it asks to repeat a reading, and so does not date a reminder that went unheard.
    """

    when: Criterion
    every_days: int = Field(gt=0)
    reason: Literal["routine", "raised"]
    recheck: bool = False


class StratumLine(Table):
    """Puts into a stratum whoever the criterion holds for; the first that does."""

    stratum: Word
    when: Criterion


class Factor(Table):
    """What a score counts. weight: the group that the score counts it in."""

    weight: Word
    when: Criterion


class AfterRehabilitation(Table):
    """Rehabilitations that belong to the condition's loop, and when the loop goes on after them."""

    pathways: tuple[Word, ...]
    within_days: int = Field(gt=0)


class Screening(Table):
    """Who is looked at, when, and what confirms.

    watches: panels whose readings are screenings. weighs: diagnoses, panels and questions that
    cadence, strata or confirmation depend on besides. readings_from_years: younger members'
    readings are not judged by adults' limits. invites_from_years: age of the first invitation.
    invitation_days: time to follow it. reminder_days_max: a day that passed longer ago is moved on
    without a reminder. score: names the function of the pathway's `rules.py` that stratifies whom
    no line of `strata` does. stratifies_unread: also those without any reading.
    """

    source: Text
    watches: tuple[Word, ...] = Field(min_length=1)
    weighs: tuple[Word, ...] = ()
    readings_from_years: int
    invites_from_years: int
    invitation_days: int = Field(gt=0)
    reminder_days_max: int = Field(gt=0)
    cadence: tuple[Cadence, ...] = Field(min_length=1)
    confirm: tuple[Repeated, ...] = Field(min_length=1)
    strata: tuple[StratumLine, ...] = ()
    factors: tuple[Factor, ...] = ()
    score: Word | None = None
    stratifies_unread: bool = False
    after_rehabilitation: AfterRehabilitation | None = None

    @model_validator(mode="after")
    def _can_be_decided_by(self) -> Self:
        _must_be_known("watches", self.watches, panels())
        _must_be_known("weighs", self.weighs, {*panels(), *questions(), *known_diagnoses()})
        ids = [line.id for line in self.confirm]
        if len(set(ids)) < len(ids):
            raise ValueError(f"confirm: give each line an id of its own, not {', '.join(ids)}")
        if self.score is None and not (self.strata and self.strata[-1].when.is_always):
            raise ValueError(
                "strata: name a score, or end with a line that states nothing but why: "
                "whoever is confirmed needs a stratum"
            )
        return self

    @cached_property
    def concerns(self) -> frozenset[str]:
        """All that is watched or weighed."""
        return frozenset({*self.watches, *self.weighs})


class Target(Table):
    """Goals for some strata from an age on; the first line that fits holds."""

    strata: tuple[Word, ...]
    age_from: int = 0
    goals: tuple[Limit, ...] = Field(min_length=1)


class RedFlag(Table):
    """A reading that needs treatment at once."""

    why: Text
    reading: tuple[Limit, ...] = Field(min_length=1)


class Graduation(Table):
    """Who has been at target for so long that they are seen less often."""

    stratum: Word
    after_days: int = Field(gt=0)
    follow_up_days: int = Field(gt=0)


class Setback(Table):
    """Rehabilitations whose end shows a stratum that nothing else told."""

    pathways: tuple[Word, ...]
    stratum: Word


class Management(Table):
    """What is agreed with whom, what is urgent, and when contact is lost.

    watches: panels whose readings are contacts. strata: from the lowest to the highest.
    lowered_after_days: a stratum rises on any day and falls only after this long. above_target_days:
    follow-up after a reading above target, or after enrolment. fresh_days: what came later than
    this calls nobody to act. missed_max: follow-ups missed in a row until contact counts as lost.
    """

    source: Text
    diagnosis: tuple[Word, ...] = Field(min_length=1)
    watches: tuple[Word, ...] = Field(min_length=1)
    readings_from_years: int
    strata: tuple[Word, ...] = Field(min_length=1)
    lowered_after_days: int = Field(gt=0)
    follow_up_days: Mapping[Word, Annotated[int, Field(gt=0)]]
    targets: tuple[Target, ...] = Field(min_length=1)
    above_target_days: int = Field(gt=0)
    red_flags: tuple[RedFlag, ...] = ()
    fresh_days: int = Field(gt=0)
    escalated_again_after_days: int = Field(gt=0)
    referred_again_after_days: int = Field(gt=0)
    missed_max: int = Field(gt=0)
    reminder_days_max: int = Field(gt=0)
    graduation: Graduation | None = None
    after_rehabilitation: Setback | None = None

    @model_validator(mode="after")
    def _knows_its_strata(self) -> Self:
        strata = ", ".join(self.strata)
        anybody = {one for target in self.targets if not target.age_from for one in target.strata}
        if set(self.follow_up_days) != set(self.strata):
            raise ValueError(f"follow_up_days: name all of {strata}, and no other")
        if anybody != set(self.strata):
            raise ValueError(f"targets: name all of {strata} in lines without age_from")
        others = [part.stratum for part in (self.graduation, self.after_rehabilitation) if part]
        others += [one for target in self.targets for one in target.strata]
        _must_be_known("targets, graduation, after_rehabilitation", others, self.strata)
        _must_be_known("watches", self.watches, panels())
        _must_be_known("diagnosis", self.diagnosis, known_diagnoses())
        return self


class Edition(Table):
    """A guideline as it holds from a day on, in one jurisdiction."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,39}$")
    jurisdiction: str = Field(pattern=r"^[A-Z]{2}$")
    valid_from: Day
    screening: Screening | None = None
    management: Management | None = None
    rehabilitation: Rehabilitation | None = None


class Guideline(Table):
    """All editions of one pathway, in the order in which they take effect."""

    pathway: Word
    title: Text
    editions: tuple[Edition, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        starts = [edition.valid_from for edition in self.editions]
        if starts != sorted(set(starts)):
            raise ValueError(f"{self.pathway}: editions must be in the order they take effect")
        return self

    def on(self, day: date) -> Edition:
        """Return the edition in force on `day`; before the first, the first."""
        for edition in reversed(self.editions):
            if edition.valid_from <= day:
                return edition
        return self.editions[0]
