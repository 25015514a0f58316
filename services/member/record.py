"""One record of a member, as every stage knows them: who, covers, diagnoses, readings, answers.

It is folded by the day or the moment that things are true of, whatever the order of arrival, so
that ten years of history give the same picture in any order.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar, Final, NamedTuple

from pydantic import ConfigDict

from services.contract.change import changed
from services.contract.clinical import (
    ConditionRecorded,
    ConditionWithdrawn,
    ObservationRecorded,
)
from services.contract.frozen import Day, Id, PartialDay, Word
from services.contract.member import CoverActivated, CoverEnded, MemberRegistered, Sex
from services.contract.step import STORED
from services.member import covers
from services.member.age import Age, age_of
from services.member.calendar import BusinessDay, local_day
from services.member.covers import Covers, Ends
from services.member.reading import HalfReading, Reading, read
from services.terminology.lookup import answer_of, diagnoses, is_lasting, question_of, questions

WORDS_MAX: Final = 60
"""Characters kept of an answer in words."""


FINDINGS_MAX: Final = 8
"""Conditions that are kept of each diagnosis; the one whose word is the oldest is forgotten first."""

REFUTED_MAX: Final = 32
"""Conditions of which it is kept that they never were; of more, the last by name."""


class Finding(NamedTuple):
    """The latest word of one condition on a diagnosis. condition: its id."""

    name: Word
    condition: Id
    day: Day
    active: bool

    @property
    def order(self) -> tuple[date, bool, str]:
        """What decides which of two words counts: the later; of one day, that it stands."""
        return self.day, self.active, self.condition


class Answer(NamedTuple):
    """The latest answer to one question of `terminology/answers.toml`, and its words."""

    question: Word
    day: Day
    meaning: Word
    words: str


@dataclass(frozen=True)
class MemberRecord:
    """What is known of one member.

    readings: the latest of each panel. halves: of panels, while their other half is missing. All
    in the order of their names. ends: of covers, while the cover itself is missing. refuted: the
    conditions that never were, also those that are not known.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    birth_date: PartialDay | None = None
    sex: Sex = "unknown"
    covers: Covers = ()
    findings: tuple[Finding, ...] = ()
    readings: tuple[Reading, ...] = ()
    halves: tuple[HalfReading, ...] = ()
    answers: tuple[Answer, ...] = ()
    ends: Ends = ()
    refuted: tuple[Id, ...] = ()

    def age(self, day: date) -> Age | None:
        """Return the age in full years on `day`, as far as the birth date is known."""
        return None if self.birth_date is None else age_of(self.birth_date, day)

    def is_under(self, years: int, day: date) -> bool:
        """Whether the member is known to be younger than `years` on `day`."""
        return self.birth_date is not None and age_of(self.birth_date, day).most < years

    def is_from(self, years: int, day: date) -> bool:
        """Whether the member is known to be at least `years` old on `day`."""
        return self.birth_date is not None and age_of(self.birth_date, day).least >= years

    def finding(self, diagnosis: str) -> Finding | None:
        """Return the latest word on a diagnosis, of whichever condition."""
        latest: Finding | None = None
        for finding in self.findings:
            if finding.name == diagnosis and (latest is None or finding.order > latest.order):
                latest = finding
        return latest

    def has(self, diagnosis: str) -> bool:
        """Whether the diagnosis stands."""
        latest = self.finding(diagnosis)
        return latest is not None and latest.active

    def resolved_on(self, diagnosis: str) -> date | None:
        """Return the day on which the diagnosis was last declared resolved, if it does not stand."""
        latest = self.finding(diagnosis)
        return None if latest is None or latest.active else latest.day

    def reading(self, panel: str) -> Reading | None:
        """Return the latest reading of a panel."""
        for reading in self.readings:
            if reading.panel == panel:
                return reading
        return None

    def answer(self, question: str) -> Answer | None:
        """Return the latest answer to a question."""
        for answer in self.answers:
            if answer.question == question:
                return answer
        return None

    def insurers_in_force(self, day: BusinessDay) -> tuple[str, ...]:
        """Return, sorted and once each, the insurers with a cover in force on `day`."""
        return covers.insurers_in_force(self.covers, day)


NOBODY: Final = MemberRecord()
"""The record of a member of whom nothing is known yet."""


def with_member(record: MemberRecord, data: MemberRegistered) -> MemberRecord:
    """Return the record that knows who the member is; the same record if that is nothing new."""
    if (data.birth_date, data.sex) == (record.birth_date, record.sex):
        return record
    return changed(record, birth_date=data.birth_date, sex=data.sex)


def with_cover(
    record: MemberRecord, data: CoverActivated | CoverEnded, fact: str, today: date
) -> MemberRecord:
    """Return the record after a cover began, changed or ended; the same record if it did not.

    fact: id of the event. today: of the log's clock.

    Raises:
        RuleRefusedError: too many ends wait for covers that are not known.
    """
    known, ends = covers.with_cover(record.covers, record.ends, data, fact, today)
    if known is record.covers and ends is record.ends:
        return record
    return changed(record, covers=known, ends=ends)


def with_condition(record: MemberRecord, data: ConditionRecorded, day: date) -> MemberRecord:
    """Return the record that knows of a diagnosis; the same record if that is nothing new.

    Of one condition the later day wins; of one day, that it stands. One that was refuted before it
    came says nothing.
    """
    condition = data.condition_id
    if condition in record.refuted:
        return record
    for name in diagnoses(data.codes):
        new = Finding(name, condition, day, data.status == "active" or is_lasting(name))
        old = next((one for one in record.findings if one[:2] == new[:2]), None)
        if old is not None and old.order >= new.order:
            continue
        same = [one for one in record.findings if one.name == name and one is not old]
        kept = sorted([*same, new], key=lambda one: one.order)[-FINDINGS_MAX:]
        others = [one for one in record.findings if one.name != name]
        record = changed(record, findings=tuple(sorted([*others, *kept])))
    return record


def without_condition(record: MemberRecord, data: ConditionWithdrawn) -> MemberRecord:
    """Return the record in which a condition never was, whether it is known yet or not."""
    condition = data.condition_id
    if condition in record.refuted:
        return record
    kept = tuple([one for one in record.findings if one.condition != condition])
    return changed(record, findings=kept, refuted=with_refuted(record.refuted, condition))


def with_refuted(refuted: tuple[Id, ...], condition: str) -> tuple[str, ...]:
    """Return the conditions that never were, in the order of their names, with one more."""
    return tuple(sorted([*refuted, condition])[-REFUTED_MAX:])


def relearnt(before: MemberRecord, after: MemberRecord) -> frozenset[str]:
    """Return the diagnoses of which the latest word is another one now."""
    if before.findings is after.findings:
        return frozenset()
    names = {one.name for one in (*before.findings, *after.findings)}
    return frozenset([name for name in names if _word(before, name) != _word(after, name)])


def _word(record: MemberRecord, diagnosis: str) -> tuple[date, bool] | None:
    latest = record.finding(diagnosis)
    return None if latest is None else (latest.day, latest.active)


class Noted(NamedTuple):
    """A record after an observation, and what the observation says.

    readings: its whole readings, also those that are older than what was known. learnt: names of
    the panels and questions of which the record now knows something later.
    """

    record: MemberRecord
    readings: tuple[Reading, ...] = ()
    learnt: frozenset[str] = frozenset()


def noted(record: MemberRecord, data: ObservationRecorded, time: datetime) -> Noted:
    """Return the record that knows of an observation; the same record if that is nothing new.

    Raises:
        RuleRefusedError: a reading that cannot be true, see `services.member.reading.read`.
    """
    learnt: set[str] = set()
    readings: list[Reading] = []
    for one in read(data, time, record.halves):
        if isinstance(one, HalfReading):
            record = with_half(record, one)
            continue
        readings.append(one)
        record = without_half(record, one)
        known = record.reading(one.panel)
        if known is None or one.order > known.order:
            others = [other for other in record.readings if other.panel != one.panel]
            record = changed(record, readings=tuple(sorted([*others, one])))
            learnt.add(one.panel)
    answered = _with_answer(record, data, time)
    if answered is not record:
        record = answered
        learnt.add(question_of(data.codes) or "")
    return Noted(record, tuple(readings), frozenset(learnt))


def with_half(record: MemberRecord, half: HalfReading) -> MemberRecord:
    """Return the record that waits for the other half of a reading."""
    others = [one for one in record.halves if one.panel != half.panel]
    return changed(record, halves=tuple(sorted([*others, half], key=lambda one: one.panel)))


def without_half(record: MemberRecord, reading: Reading) -> MemberRecord:
    """Return the record in which a reading is whole; the same record if none waited for it."""
    others = tuple([one for one in record.halves if one.panel != reading.panel])
    return record if len(others) == len(record.halves) else changed(record, halves=others)


def _with_answer(record: MemberRecord, data: ObservationRecorded, time: datetime) -> MemberRecord:
    question = question_of(data.codes)
    meaning = None if question is None else answer_of(question, data.answer, data.text)
    if question is None or meaning is None:
        return record
    words = (data.text or (data.answer[0].display or data.answer[0].code))[:WORDS_MAX]
    new = Answer(question, local_day(time), meaning, words)
    old = record.answer(question)
    if old is not None and _rank(old) >= _rank(new):
        return record
    others = [answer for answer in record.answers if answer.question != question]
    return changed(record, answers=tuple(sorted([*others, new])))


def _rank(answer: Answer) -> tuple[date, int, str]:
    """Order answers by day; of one day, the worst counts."""
    return answer.day, -questions()[answer.question].worst_first.index(answer.meaning), answer.words
