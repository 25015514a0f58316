"""FHIR R4 data types, as far as they are read. Names are the standard's own."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from services.member.age import days_of

_DATE_TIME: Final = re.compile(
    r"(\d{4}(?:-\d{2}(?:-\d{2})?)?)((?<=-\d{2}-\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2}))?",
    re.ASCII,
)
_YEARS: Final = range(1850, 2200)


class Element(BaseModel):
    """A part of a resource: what is not read is passed by, what is read has its FHIR type."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )


def _number(value: object) -> Decimal:
    if type(value) is int:
        return Decimal(value)
    if isinstance(value, Decimal):
        return value
    raise PydanticCustomError("decimal", "should be a JSON number")


Number = Annotated[Decimal, BeforeValidator(_number)]
"""A FHIR decimal; JSON writes whole ones as integers."""


class Coding(Element):
    """A code of a code system."""

    system: str | None = Field(default=None, min_length=1, max_length=200)
    code: str | None = Field(default=None, min_length=1, max_length=100)
    display: str | None = None


class CodeableConcept(Element):
    """A concept: codes that mean the same, and words."""

    coding: list[Coding] = Field(default_factory=list)
    text: str | None = None

    @property
    def first_code(self) -> str | None:
        """The first code, of whatever system."""
        return next((coding.code for coding in self.coding if coding.code), None)

    @property
    def words(self) -> str | None:
        """The concept in words, or its code for want of them."""
        shown = next((coding.display for coding in self.coding if coding.display), None)
        return self.text or shown or self.first_code


class Identifier(Element):
    """A business identifier."""

    system: str | None = None
    value: str | None = None


class Reference(Element):
    """A pointer to another resource."""

    reference: str | None = None
    type: str | None = None
    identifier: Identifier | None = None
    display: str | None = None


class Period(Element):
    """A span of time; both ends are included."""

    start: str | None = None
    end: str | None = None


class Money(Element):
    """An amount in a currency."""

    value: Number | None = None
    currency: str | None = None


class Quantity(Element):
    """A measured amount; `code` is the unit in UCUM where `system` says so."""

    value: Number | None = None
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Meta(Element):
    """What a server says about a version of a resource."""

    version_id: str | None = None
    last_updated: str | None = None


class NotATimeError(ValueError):
    """A text that is not a FHIR dateTime; the message says why."""


Precision = Literal["year", "month", "day", "instant"]
_PRECISIONS: Final[Mapping[int, Precision]] = {4: "year", 7: "month", 10: "day"}


class Told(NamedTuple):
    """A FHIR date or dateTime as the interval that it is (R4, 2.24.0.13), with its precision.

    first, last: the days that it may be, as written. at: the instant, if it is one; else the
    interval lasts from the start of the first day to the end of the last, in some zone.
    """

    first: date
    last: date
    precision: Precision
    at: datetime | None = None

    def earliest(self, zone: tzinfo) -> datetime:
        """Return the first instant of it; days lie in `zone`."""
        return self.at or datetime.combine(self.first, time.min, tzinfo=zone)

    def latest(self, zone: tzinfo) -> datetime:
        """Return the last instant of it; days lie in `zone`."""
        return self.at or datetime.combine(self.last, time.max, tzinfo=zone)


ANYWHERE: Final = (timezone(timedelta(hours=-12)), timezone(timedelta(hours=14)))
"""The two zones in which a day ends last, and begins first."""


def surely_before(end: Told, start: Told, zones: Iterable[tzinfo]) -> bool:
    """Whether an end lies before its start in whichever of the zones their days lie."""
    return all(end.latest(zone) < start.earliest(zone) for zone in zones)


def told(text: str) -> Told:
    """Return what a FHIR date, dateTime or instant says.

    Raises NotATimeError: malformed, impossible, before 1850 or after 2199.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise NotATimeError(
            f"{text[:40]!r} is not a FHIR dateTime; a time of day needs its offset from UTC"
        )
    days, clock = match.groups()
    try:
        first, last = days_of(days)
        at = datetime.fromisoformat(text) if clock else None
    except ValueError as error:
        raise NotATimeError(f"{text[:40]!r} is not a possible time: {error}") from error
    if first.year not in _YEARS:
        raise NotATimeError(f"the year of {text[:40]!r} is not between 1850 and 2199")
    precision = "instant" if at else _PRECISIONS[len(days)]
    return Told(first, last, precision, at)
