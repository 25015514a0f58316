"""What rehabilitation remembers about one member."""

from services.contract.frozen import Day, Frozen, Id, Instant
from services.contract.member import CoverTerms
from services.contract.step import State


class Score(Frozen):
    """A total of the Barthel index, 0 (dependent) to 100 (independent), and when it was taken."""

    value: int
    taken: Instant


class Plan(Frozen):
    """A course of rehabilitation; without a baseline it waits for one.

    visits: the visits whose discharge referred here, the latest last. since: day of the discharge.
    reference, counted: the score that a gain is measured from, and when a reassessment last
    counted. best: highest score since the baseline or the last setback. flat: reassessments in a
    row without a gain. reached: when the goal was met; follow-up is then on. missed: sessions
    missed since the last contact. contact: last score or attended session. assess_by, lost_by:
    deadlines on the log's clock.
    """

    visits: tuple[Id, ...]
    since: Day
    contact: Instant
    assess_by: Instant
    lost_by: Instant
    baseline: int | None = None
    goal: int | None = None
    latest: Score | None = None
    reference: int = 0
    counted: Instant | None = None
    best: int = 0
    flat: int = 0
    reached: Instant | None = None
    sessions: int = 0
    missed: int = 0

    @property
    def episode(self) -> str:
        """The visit that the plan follows."""
        return self.visits[-1]

    @property
    def next_deadline(self) -> Instant:
        """When the plan wants to be looked at again."""
        return self.assess_by if self.reached else min(self.assess_by, self.lost_by)


class RehabilitationState(State):
    """A member's covers, plan and last score.

    score: also one taken before any referral, since the baseline is often measured on the ward.
    paid: marks of the sessions that were paid or claimed last, so that none is asked for twice.
    """

    covers: tuple[CoverTerms, ...] = ()
    plan: Plan | None = None
    score: Score | None = None
    paid: tuple[str, ...] = ()
