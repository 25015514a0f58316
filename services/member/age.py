"""Ages: of someone whose birth date is known by its year alone, one of two."""

from calendar import monthrange
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from services.contract.frozen import PartialDay
from services.member.calendar import age_on


class Age(NamedTuple):
    """An age in full years: at least, and at most; the same where the birth date is known."""

    least: int
    most: int

    def __str__(self) -> str:
        """For people, such as `63` or `63 or 64`."""
        return f"{self.least}" if self.least == self.most else f"{self.least} or {self.most}"


@lru_cache(maxsize=65_536)
def days_of(known: PartialDay) -> tuple[date, date]:
    """Return the first and the last day that a day known in part may be."""
    year, month, day = (int(part) if part else None for part in f"{known}--".split("-")[:3])
    assert year is not None  # every one has it
    last_month = month or 12
    last_day = day or monthrange(year, last_month)[1]
    return date(year, month or 1, day or 1), date(year, last_month, last_day)


def age_of(birth_date: PartialDay, day: date) -> Age:
    """Return the age on `day`, as far as the birth date is known; negative before birth."""
    first, last = days_of(birth_date)
    most = age_on(first, day)
    return Age(most if first == last else age_on(last, day), most)
