"""What screening remembers about one member."""

from datetime import date
from typing import Final, Literal

from services.contract.blood_pressure import HalfReading, Reading
from services.contract.covers import Covers
from services.contract.diagnoses import Diagnosis
from services.contract.frozen import Day, Frozen, Id
from services.contract.member import Sex
from services.contract.step import State

ADULT_YEARS: Final = 18

RAISED_DAYS_MAX: Final = 12
"""Days of raised readings remembered. Two of them within a year confirm, so that more than one a
year never wait here."""

REHABILITATION_VISITS_MAX: Final = 4

RiskStratum = Literal["none", "low", "medium", "high", "very_high"]
VisitedStage = Literal["screening", "management", "rehabilitation"]
FactorName = Literal[
    "smoking", "body mass index", "total cholesterol", "LDL cholesterol", "HDL cholesterol", "HbA1c"
]  # fmt: skip


class Finding(Frozen):
    """The latest word on one diagnosis."""

    name: Diagnosis
    day: Day
    active: bool


class Factor(Frozen):
    """The latest value of one measured risk factor.

    level: 0 normal, 1 raised, 2 high (only body mass index: 1 overweight, 2 obese).
    value: as it was read, with its unit.
    """

    name: FactorName
    day: Day
    level: int
    value: str


class ScreeningState(State):
    """One member, as far as screening for hypertension goes.

    half: a systolic or diastolic value whose other half has not come. raised_on: days with a
    reading of 140/90 mmHg or more. column and stratum: what was last published of the risk table.
    referred_on: when the member was handed to management, until the diagnosis is withdrawn.
    visited, rehabilitation_visits: the loop so far; treatment counts as visited while a visit that
    led to rehabilitation stands.
    """

    birth_date: Day | None = None
    sex: Sex = "unknown"
    covers: Covers = ()
    findings: tuple[Finding, ...] = ()
    factors: tuple[Factor, ...] = ()
    half: HalfReading | None = None
    latest: Reading | None = None
    raised_on: tuple[Day, ...] = ()
    column: int | None = None
    stratum: RiskStratum | None = None
    referred_on: Day | None = None
    visited: tuple[VisitedStage, ...] = ()
    rehabilitation_visits: tuple[Id, ...] = ()
    due: Day | None = None

    def has(self, name: Diagnosis) -> bool:
        """Whether the diagnosis stands."""
        return any(finding.name == name and finding.active for finding in self.findings)

    def resolved_on(self, name: Diagnosis) -> date | None:
        """Return the day on which the diagnosis was last declared resolved, if it does not stand."""
        for finding in self.findings:
            if finding.name == name and not finding.active:
                return finding.day
        return None

    def factor(self, name: FactorName) -> Factor | None:
        """Return the latest value of a risk factor."""
        return next((factor for factor in self.factors if factor.name == name), None)
