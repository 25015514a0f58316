"""Facts about visits and what they cost (HL7 v2 ADT and DFT; FHIR Encounter and Claim)."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from services.contract.event import EventData
from services.contract.frozen import (
    NO_NUL,
    Amount,
    Currency,
    Day,
    Frozen,
    Id,
    MinorUnits,
    PartialInstant,
    Text,
    Word,
)

VisitClass = Literal["ambulatory", "inpatient", "emergency", "home", "virtual"]
Network = Literal["owned", "strategic", "alliance", "out"]


class Provider(Frozen):
    """A care provider and how closely it is allied with the payers, as of the event's time."""

    id: Id
    network: Network


class Code(Frozen):
    """A code and the system it belongs to (a URI, such as `http://loinc.org`)."""

    system: str = Field(min_length=1, max_length=200, pattern=NO_NUL)
    code: str = Field(min_length=1, max_length=100, pattern=NO_NUL)
    display: str | None = Field(default=None, max_length=500, pattern=NO_NUL)


Quantity = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$")]
"""A count or measure of what was given, as an exact decimal, such as `0.5`."""


class VisitPlanned(EventData):
    """A visit was announced, or its plan moved: the latest plan stands until the visit begins.

    A plan is no fact about care: nothing is billed, counted or dated by it. starts: when the visit
    is to begin, as far as that is known. The event's time is when the plan was told (ADT^A05, A38
    cancels it; Encounter planned).
    """

    TYPE: ClassVar[str] = "careloop.visit.planned.v1"

    visit_id: Id
    visit_class: VisitClass
    provider: Provider
    starts: PartialInstant | None


class VisitRegistered(EventData):
    """A visit began at the counter (ADT^A04; Encounter arrived)."""

    TYPE: ClassVar[str] = "careloop.visit.registered.v1"

    visit_id: Id
    visit_class: VisitClass
    provider: Provider


class VisitAdmitted(EventData):
    """The patient was admitted to a ward (ADT^A01; Encounter in progress, inpatient)."""

    TYPE: ClassVar[str] = "careloop.visit.admitted.v1"

    visit_id: Id
    provider: Provider


class VisitDischarged(EventData):
    """The visit ended (ADT^A03; Encounter finished)."""

    TYPE: ClassVar[str] = "careloop.visit.discharged.v1"

    visit_id: Id
    visit_class: VisitClass
    provider: Provider


class VisitCancelled(EventData):
    """A visit, its plan, or only its discharge was declared never to have been (ADT^A11, A13, A38).

    Who calls off a planned visit cancels the visit.
    """

    TYPE: ClassVar[str] = "careloop.visit.cancelled.v1"

    visit_id: Id
    cancels: Literal["visit", "discharge"]
    reason: Text


class BillLine(Frozen):
    """One line of a bill, in minor units. A reduction is negative.

    quantity: how many of what the code names, as an exact decimal. unit_price: of one of them.
    day: of the service, where the line has a day of its own. category: what kind of service it is,
    such as `drug`; None is that of the charge. approval: under which the payer agreed beforehand to
    bear it (X12 REF*G1; FHIR Claim.insurance.preAuthRef); None where no one agreed.
    """

    code: Code | None
    text: Text
    amount: MinorUnits
    quantity: Quantity | None = None
    unit_price: MinorUnits | None = None
    day: Day | None = None
    category: Word | None = None
    approval: Id | None = None


class ChargePosted(EventData):
    """The hospital charged a visit (DFT^P03; Claim). The lines sum to the amount.

    replaces: an earlier charge of the same visit, which counts no more once this one does (X12 CLM05-3
    of 7; FHIR Claim.related).
    """

    TYPE: ClassVar[str] = "careloop.charge.posted.v1"

    charge_id: Id
    visit_id: Id
    category: Literal["institutional", "pharmacy", "professional", "oral", "vision"]
    currency: Currency
    amount: Amount
    lines: tuple[BillLine, ...] = Field(min_length=1)
    replaces: Id | None = None

    @model_validator(mode="after")
    def _replaces_another(self) -> Self:
        if self.replaces == self.charge_id:
            raise ValueError(f"charge {self.charge_id} cannot replace itself; use a new charge_id")
        return self

    @model_validator(mode="after")
    def _lines_sum_to_amount(self) -> Self:
        total = sum([line.amount for line in self.lines])
        if total != self.amount:
            raise ValueError(f"the lines sum to {total}, the amount is {self.amount}")
        return self


class ChargeVoided(EventData):
    """A charge was declared never to have been."""

    TYPE: ClassVar[str] = "careloop.charge.voided.v1"

    charge_id: Id
    visit_id: Id
    reason: Text
