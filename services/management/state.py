"""What management remembers about one member."""

from datetime import date
from typing import Final, Literal

from services.contract.blood_pressure import HalfReading, Reading
from services.contract.care import Stratum
from services.contract.covers import Covers
from services.contract.frozen import Day, Frozen, Id
from services.contract.member import age_on
from services.contract.step import State

ADULT_YEARS: Final = 18

READING_DAYS_MAX: Final = 4
STROKE_VISITS_MAX: Final = 4

Control = Literal["unknown", "met", "lost"]


class Plan(Frozen):
    """What was last agreed: pressures to stay below, in mmHg, and days between two readings."""

    target_systolic: int
    target_diastolic: int
    follow_up_days: int


class Enrolment(Frozen):
    """A member in the hypertension programme.

    since: day of enrolment. stratum_on: day from which the stratum holds. readings: the last one of
    each of the latest days, oldest first. control: what two readings in a row last agreed on.
    met_since: day the target was met. missed: follow-ups missed in a row. due: day of the next one;
    None is lost to follow-up. referred_on: last routine referral to treatment.
    """

    since: Day
    stratum: Stratum
    stratum_on: Day
    plan: Plan
    readings: tuple[Reading, ...] = ()
    control: Control = "unknown"
    met_since: Day | None = None
    graduated: bool = False
    missed: int = 0
    due: Day | None = None
    referred_on: Day | None = None


class ManagementState(State):
    """One member, as far as the management of hypertension goes.

    left_on: when the diagnosis was withdrawn. escalated_on: last urgent referral to treatment.
    stroke_visits: visits for a stroke that led to a rehabilitation not yet finished.
    """

    birth_date: Day | None = None
    covers: Covers = ()
    half: HalfReading | None = None
    enrolment: Enrolment | None = None
    left_on: Day | None = None
    escalated_on: Day | None = None
    stroke_visits: tuple[Id, ...] = ()

    def age(self, day: date) -> int | None:
        """Return the age in years on `day`, if the birth date is known."""
        return None if self.birth_date is None else age_on(self.birth_date, day)

    def is_child(self, day: date) -> bool:
        """Whether the member is known to be under 18 on `day`."""
        age = self.age(day)
        return age is not None and age < ADULT_YEARS
