"""What an insurance product promises, as versioned data.

Amounts are minor units of the currency that keys them. Percentages are the payer's side: 90 means
that the payer bears 90 of 100 and leaves 10.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from services.contract.frozen import Amount, Currency, Frozen, Id, Text
from services.contract.visit import Network, VisitClass
from services.settlement.life import Service

StepName = Literal[
    "service",
    "currency",
    "in_force",
    "waiting_period",
    "visit_deductible",
    "annual_deductible",
    "percentage",
    "session_limit",
    "sessions",
    "annual_limit",
    "pay",
]
"""The steps that a product can put in its order; `services.settlement.steps` says what each does."""

Percent = Annotated[int, Field(ge=0, le=100)]


class Limits(Frozen):
    """The amounts of a product in one currency; 0 is no deductible, None is no limit.

    visit_deductible: by visit class, of each bill; a class that is not listed has none.
    annual_deductible: of each benefit year. annual_limit: most that the payer bears in a benefit
    year. session_limit: most that the payer bears of one session.
    """

    visit_deductible: Mapping[VisitClass, Amount] = {}
    annual_deductible: Amount = 0
    annual_limit: Amount | None = None
    session_limit: Amount | None = None


class Version(Frozen):
    """The terms for service dates from `effective_from` until the next version takes effect.

    steps: the order of adjudication. services: kinds of service paid for. waiting_days: days from
    the cover's first day on which it does not pay yet. waiting_exempt: visit classes that do not
    wait. sessions_max: sessions paid for in a benefit year. percent: by visit class (`any` for
    those not listed) and network. disclosure: shown and acknowledged at sale.
    """

    version: Id
    effective_from: date
    disclosure: Text
    steps: tuple[StepName, ...]
    services: tuple[Service, ...]
    waiting_days: int = Field(default=0, ge=0)
    waiting_exempt: tuple[VisitClass, ...] = ()
    sessions_max: int | None = Field(default=None, ge=0)
    percent: Mapping[VisitClass | Literal["any"], Mapping[Network, Percent]]
    limits: Mapping[Currency, Limits]

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if len(set(self.steps)) != len(self.steps) or self.steps[-1:] != ("pay",):
            problem = f"version {self.version}: steps must not repeat and must end in pay"
            raise ValueError(problem)
        if not {"service", "currency", "in_force"} <= set(self.steps):
            problem = f"version {self.version}: service, currency, in_force must be checked"
            raise ValueError(problem)
        networks = {"owned", "strategic", "alliance", "out"}
        if "any" not in self.percent or any(set(row) != networks for row in self.percent.values()):
            problem = f"version {self.version}: percent needs `any`, and all networks each"
            raise ValueError(problem)
        return self

    def percent_for(self, visit_class: VisitClass, network: Network) -> int:
        """Return the payer's side, in percent."""
        row = self.percent.get(visit_class)
        return (self.percent["any"] if row is None else row)[network]


class Product(Frozen):
    """One product: who pays, in which turn, how its benefit year runs, and all its versions.

    coordination: payers take their turn from the lowest number up. accumulates_per: whom
    deductibles and limits are counted for. benefit_year: calendar years, or years from the first
    day of the cover. time_zone: in which the service date and the cover's days are meant.
    """

    name: Id
    payer: Literal["social_insurance", "insurer", "subsidy"]
    coordination: int
    accumulates_per: Literal["household", "member"]
    benefit_year: Literal["calendar", "policy"]
    time_zone: str
    versions: tuple[Version, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        ZoneInfo(self.time_zone)
        starts = [version.effective_from for version in self.versions]
        if starts != sorted(set(starts)):
            problem = f"{self.name}: versions must be in the order they take effect"
            raise ValueError(problem)
        return self

    def version_on(self, day: date) -> Version | None:
        """Return the version in effect on `day`, or None before the first."""
        for version in reversed(self.versions):
            if version.effective_from <= day:
                return version
        return None

    def benefit_year_of(self, day: date, valid_from: date) -> date:
        """Return the first day of the benefit year that `day` falls in.

        A policy year begins on the anniversary of the cover's first day; one that began on
        29 February has it on 28 February where there is no other. A day before the cover's
        first counts with the first year.
        """
        if self.benefit_year == "calendar":
            return date(day.year, 1, 1)
        if day < valid_from:
            return valid_from
        start = _anniversary(valid_from, day.year)
        return start if start <= day else _anniversary(valid_from, day.year - 1)


Catalogue = Mapping[str, Product]
"""The products by name."""


def _anniversary(first: date, year: int) -> date:
    try:
        return first.replace(year=year)
    except ValueError:
        return date(year, 2, 28)
