"""Clinical facts: conditions, procedures, observations, prescriptions, therapy sessions."""

from typing import ClassVar, Literal

from pydantic import Field

from services.contract.event import EventData
from services.contract.frozen import NO_NUL, Amount, Currency, Frozen, Id, Text
from services.contract.visit import Code, Provider


class ConditionRecorded(EventData):
    """A diagnosis. The event's time is its onset, or when it was recorded."""

    TYPE: ClassVar[str] = "careloop.condition.recorded.v1"

    condition_id: Id
    codes: tuple[Code, ...] = Field(min_length=1)
    status: Literal["active", "resolved"]
    visit_id: Id | None


class ConditionWithdrawn(EventData):
    """A diagnosis was declared never to have been: refuted, or entered in error.

    What followed from it is withdrawn, unless another diagnosis says the same. The event's time is
    when that was told. To state the diagnosis after all, give it a new id.
    """

    TYPE: ClassVar[str] = "careloop.condition.withdrawn.v1"

    condition_id: Id
    visit_id: Id | None
    reason: Text


class ProcedurePerformed(EventData):
    """A procedure was done."""

    TYPE: ClassVar[str] = "careloop.procedure.performed.v1"

    procedure_id: Id
    codes: tuple[Code, ...] = Field(min_length=1)
    visit_id: Id | None


class ObservationRecordedV1(EventData):
    """A measurement with one value. Superseded by v2, and still accepted."""

    TYPE: ClassVar[str] = "careloop.observation.recorded.v1"

    observation_id: Id
    codes: tuple[Code, ...] = Field(min_length=1)
    value: float | None
    unit: str | None = Field(max_length=50, pattern=NO_NUL)
    visit_id: Id | None


class Component(Frozen):
    """One of the values of a panel, such as the systolic part of a blood pressure.

    A number in `unit` (UCUM), or a coded answer.
    """

    codes: tuple[Code, ...] = Field(min_length=1)
    value: float | None
    unit: str | None = Field(max_length=50, pattern=NO_NUL)
    answer: tuple[Code, ...] = ()


class ObservationRecorded(EventData):
    """A measurement: one value, an answer, or the components of a panel.

    value: in `unit` (UCUM). answer: the codes of one answer, each with its system; text: the answer
    in words. v2 adds answer, text and components: a blood pressure is one act.
    """

    TYPE: ClassVar[str] = "careloop.observation.recorded.v2"

    observation_id: Id
    codes: tuple[Code, ...] = Field(min_length=1)
    value: float | None
    unit: str | None = Field(max_length=50, pattern=NO_NUL)
    text: str | None = Field(max_length=500, pattern=NO_NUL)
    components: tuple[Component, ...]
    answer: tuple[Code, ...] = ()
    visit_id: Id | None


class MedicationPrescribed(EventData):
    """A medicine was prescribed."""

    TYPE: ClassVar[str] = "careloop.medication.prescribed.v1"

    prescription_id: Id
    codes: tuple[Code, ...] = Field(min_length=1)
    status: Literal["active", "stopped"]
    visit_id: Id | None


SessionMode = Literal["outpatient", "home", "remote"]


class SessionAttended(EventData):
    """A rehabilitation session took place. `price` is in minor units of `currency`."""

    TYPE: ClassVar[str] = "careloop.session.attended.v1"

    session_id: Id
    mode: SessionMode
    provider: Provider
    currency: Currency
    price: Amount


class SessionMissed(EventData):
    """A rehabilitation session was agreed and did not take place."""

    TYPE: ClassVar[str] = "careloop.session.missed.v1"

    session_id: Id
    mode: SessionMode
    reason: Text
