"""Facts about members and the covers they hold."""

from typing import ClassVar, Literal

from services.contract.event import EventData
from services.contract.frozen import Day, Frozen, Id, PartialDay, Text

Sex = Literal["male", "female", "other", "unknown"]


class MemberRegistered(EventData):
    """A member became known, or more of the member, with nothing that names a person.

    What is unknown may be filled in later, and what was wrong corrected: the latest holds.
    birth_date: as far as it is known.
    """

    TYPE: ClassVar[str] = "careloop.member.registered.v1"

    birth_date: PartialDay | None
    sex: Sex


class MemberMerged(EventData):
    """Two records are of one person: the subject's was replaced by `into` (FHIR Patient.link).

    What is known of the subject counts for `into` from then on, and what is said of it, too.
    """

    TYPE: ClassVar[str] = "careloop.member.merged.v1"

    into: Id


class MemberReleased(EventData):
    """Of a merged member nothing is in force any more: its facts may be judged under `into`.

    visits: those whose bills were reversed, or that had none. Any other was closed too long ago to
    be corrected, and stays as it was decided.
    """

    TYPE: ClassVar[str] = "careloop.member.released.v1"

    into: Id
    visits: tuple[Id, ...]


class CoverTerms(Frozen):
    """A contract that may pay. Both dates are inclusive, in the product's time zone.

    product: name of an entry of the product catalogue, such as `million-yuan-medical`.
    insurer: id of the party that pays. It alone may see milestones under this cover.
    """

    cover_id: Id
    product: Id
    insurer: Id
    valid_from: Day
    valid_to: Day | None


class CoverActivated(EventData):
    """A cover of the member began, or was learnt of."""

    TYPE: ClassVar[str] = "careloop.cover.activated.v1"

    cover: CoverTerms


class CoverEnded(EventData):
    """A cover ends early: `last_day` is the last day it pays for."""

    TYPE: ClassVar[str] = "careloop.cover.ended.v1"

    cover_id: Id
    last_day: Day
    reason: Text
