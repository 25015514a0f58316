"""What rehabilitation remembers about one member."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from services.contract.change import changed
from services.contract.clinical import SessionMode
from services.contract.frozen import Amount, Currency, Day, Id, Instant, Word
from services.contract.step import State
from services.contract.visit import Provider
from services.member.covers import Covers, Ends


class Score(NamedTuple):
    """A score on the scale of a pathway's instrument, and when it was taken."""

    pathway: Word
    value: float
    taken: Instant


class Standing(NamedTuple):
    """Where a course stands by its scores, from the baseline on.

    best: best score since the baseline or the last setback. reference, counted: the score that a
    gain is measured from, and when a reassessment last counted. flat: reassessments in a row
    without a gain. reached: when the goal was met; follow-up is then on.
    """

    baseline: float
    goal: float
    latest: Score
    best: float
    reference: float
    counted: Instant
    flat: int = 0
    reached: Instant | None = None


class Course(NamedTuple):
    """A course of rehabilitation; without a standing it waits for its baseline.

    visits: the visits whose discharge referred here, the latest last. since: day of the discharge.
    contact: last score or attended session. assess_by, lost_by: deadlines on the log's clock.
    missed: sessions missed since the last contact.
    """

    pathway: Word
    visits: tuple[Id, ...]
    since: Day
    contact: Instant
    assess_by: Instant
    lost_by: Instant
    standing: Standing | None = None
    sessions: int = 0
    missed: int = 0

    @property
    def episode(self) -> str:
        """The visit that the course follows."""
        return self.visits[-1]

    @property
    def reached(self) -> Instant | None:
        """When the goal was met, if it was."""
        return None if self.standing is None else self.standing.reached

    @property
    def next_deadline(self) -> Instant:
        """When the course wants to be looked at again."""
        return self.assess_by if self.reached else min(self.assess_by, self.lost_by)


class PaidSession(NamedTuple):
    """A session attended at `time`, whose payment was asked for `version` times."""

    session_id: Id
    mode: SessionMode
    provider: Provider
    currency: Currency
    price: Amount
    time: Instant
    version: int = 1


@dataclass(frozen=True)
class RehabilitationState(State):
    """A member's covers, courses and last scores; of each pathway one, in the order of their names.

    scores: also those taken before any referral, since the baseline is often measured on the ward.
    paid: marks of the sessions that were paid or claimed last, so that none is asked for twice.
    sessions: those of them whose payment can still be corrected. ends: of covers that are not known
    yet.
    """

    covers: Covers = ()
    courses: tuple[Course, ...] = ()
    scores: tuple[Score, ...] = ()
    paid: tuple[str, ...] = ()
    sessions: tuple[PaidSession, ...] = ()
    ends: Ends = ()

    def course(self, pathway: str) -> Course | None:
        """Return the course that is on in a pathway."""
        return next((one for one in self.courses if one.pathway == pathway), None)

    def score(self, pathway: str) -> Score | None:
        """Return the last score in a pathway."""
        return next((one for one in self.scores if one.pathway == pathway), None)


def with_course(state: RehabilitationState, course: Course) -> RehabilitationState:
    """Return the state with a course in the place of the one before, and its next wake-up."""
    others = [one for one in state.courses if one.pathway != course.pathway]
    return with_courses(state, [*others, course])


def without_course(state: RehabilitationState, pathway: str) -> RehabilitationState:
    """Return the state after a course is over."""
    return with_courses(state, [one for one in state.courses if one.pathway != pathway])


def with_courses(state: RehabilitationState, courses: Iterable[Course]) -> RehabilitationState:
    """Return the state with these courses, woken by the first deadline of any."""
    kept = tuple(sorted(courses, key=lambda one: one.pathway))
    wake_at = min([one.next_deadline for one in kept], default=None)
    return changed(state, courses=kept, wake_at=wake_at)


def with_score(state: RehabilitationState, score: Score) -> RehabilitationState:
    """Return the state that knows a score, if it is the latest of its pathway."""
    known = state.score(score.pathway)
    if known is not None and score.taken <= known.taken:
        return state
    others = [one for one in state.scores if one.pathway != score.pathway]
    return changed(state, scores=tuple(sorted([*others, score])))
