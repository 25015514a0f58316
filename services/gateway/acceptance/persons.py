"""Who a member is, as far as that is known: unknown at first, filled in, corrected."""

from typing import NamedTuple

from services.contract.member import MemberRegistered, Sex
from services.gateway.acceptance.facts import Fact
from services.gateway.acceptance.problems import Problem


class Person(NamedTuple):
    """What is known of a member. birth_date: YYYY, YYYY-MM or YYYY-MM-DD, as far as it is known."""

    birth_date: str | None
    sex: Sex

    @classmethod
    def of(cls, data: MemberRegistered) -> "Person":
        """Return what a registration says."""
        return cls(data.birth_date, data.sex)

    @property
    def data(self) -> MemberRegistered:
        """The same as a registration."""
        return MemberRegistered(birth_date=self.birth_date, sex=self.sex)


def now_known(known: Person, told: Person) -> Person:
    """Return what is known after a person was told of again; the same if that is nothing new.

    What is told with less precision, or as unknown, takes nothing back; what contradicts corrects.
    """
    birth_date = told.birth_date
    if birth_date is None or (known.birth_date or "").startswith(birth_date):
        birth_date = known.birth_date
    return Person(birth_date, known.sex if told.sex == "unknown" else told.sex)


def update_note(fact: Fact, before: Person, now: Person) -> Problem:
    """Say what a registration that comes again changes."""
    parts = (("birth date", before.birth_date, now.birth_date), ("sex", before.sex, now.sex))
    changes = [
        f"{name} {new}, until now {old or 'unknown'}" for name, old, new in parts if old != new
    ]
    says = f"Member {fact.member} is updated: {'; '.join(changes)}"
    return Problem("informational", fact.place, says, severity="information")
