"""What an insurance product promises, as versioned data. Amounts are minor units of a currency."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from typing import Final, Literal, NamedTuple, Self
from zoneinfo import ZoneInfoNotFoundError

from pydantic import field_validator, model_validator

from services.contract.frozen import Frozen, Id, Text
from services.member.calendar import BusinessDay, day_in, zone
from services.settlement.lines import Scope
from services.settlement.steps import AnyStep

_CHECKED: Final = frozenset({"service", "currency", "in_force"})


class Version(Frozen):
    """The terms for days of service from `effective_from` until the next version takes effect.

    steps: what is done, in this order, each with its own terms. disclosure: shown and acknowledged
    at sale.
    """

    version: Id
    effective_from: date
    disclosure: Text
    steps: tuple[AnyStep, ...]

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        kinds = [step.step for step in self.steps]
        if kinds[-1:] != ["pay"] or kinds.count("pay") != 1:
            raise ValueError("the steps must end in pay, which stands once")
        if not set(kinds) >= _CHECKED:
            raise ValueError(f"{', '.join(sorted(_CHECKED))} must be checked")
        return self

    @model_validator(mode="after")
    def _names_each_step_once(self) -> Self:
        names = [step.name for step in self.steps]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands twice: give each an `id` of its own")
        return self

    @model_validator(mode="after")
    def _states_amounts_in_each_currency(self) -> Self:
        offered: set[str] | None = None
        for step in self.steps:
            if step.step == "currency":
                offered = set(step.currencies)
            amounts = getattr(step, "amounts", None)
            if amounts is not None and (offered is None or set(amounts) != offered):
                raise ValueError(
                    f"{step.name} needs amounts in all the currencies of the step `currency`, "
                    "which stands before it, and in no other"
                )
        return self


class Rule(NamedTuple):
    """A step with its name in a trace, and the lines that it is for; None is the whole bill."""

    name: str
    step: AnyStep
    scope: Scope | None


class Product(Frozen):
    """One product: who pays, in which turn, how its benefit year runs, and all its versions.

    coordination: payers take their turn from the lowest number up. accumulates_per: whom
    deductibles and limits are counted for. benefit_year: calendar years, or years from the first
    day of the cover. time_zone: in which the day of service and the cover's days are meant.
    """

    name: Id
    payer: Literal["social_insurance", "insurer", "subsidy"]
    coordination: int
    accumulates_per: Literal["household", "member"]
    benefit_year: Literal["calendar", "policy"]
    time_zone: str
    versions: tuple[Version, ...]

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            zone(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{name} is no time zone of the IANA database") from error
        return name

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        starts = [version.effective_from for version in self.versions]
        if not starts or starts != sorted(set(starts)):
            raise ValueError("versions must be there, in the order they take effect")
        if len({version.version for version in self.versions}) < len(starts):
            raise ValueError("versions must have names of their own")
        return self

    @cached_property
    def rules(self) -> Mapping[str, tuple[Rule, ...]]:
        """The rules by version, in the order of its steps."""
        return {
            version.version: tuple(
                Rule(f"{self.name}@{version.version}/{step.name}", step, step.scope)
                for step in version.steps
            )
            for version in self.versions
        }

    def day_of(self, moment: datetime) -> BusinessDay:
        """Return the day on which a service that began at `moment` counts for this product."""
        return day_in(moment, zone(self.time_zone))

    def version_on(self, day: BusinessDay) -> Version | None:
        """Return the version in effect on `day`, or None before the first."""
        for version in reversed(self.versions):
            if version.effective_from <= day:
                return version
        return None

    def benefit_year_of(self, day: BusinessDay, valid_from: date) -> date:
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
