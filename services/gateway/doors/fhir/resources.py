"""FHIR R4 resources, as far as they are read. Names, addresses and national ids are not."""

from pydantic import Field

from services.gateway.doors.fhir.elements import (
    CodeableConcept,
    Coding,
    Element,
    Identifier,
    Meta,
    Money,
    Period,
    Quantity,
    Reference,
)


class Resource(Element):
    """What every resource has."""

    id: str | None = None
    meta: Meta = Meta()


class PatientLink(Element):
    """Another record of the same person, and what it is to this one."""

    other: Reference
    type: str


class Patient(Resource):
    """A person; only what rules need is read."""

    active: bool | None = None
    gender: str | None = None
    birth_date: str | None = None
    link: list[PatientLink] = Field(default_factory=list)


class CoverageClass(Element):
    """A classification of a cover, such as its plan."""

    type: CodeableConcept
    value: str


class Coverage(Resource):
    """A contract that may pay."""

    status: str
    type: CodeableConcept | None = None
    subscriber: Reference | None = None
    beneficiary: Reference
    period: Period = Period()
    payor: list[Reference] = Field(default_factory=list)
    class_: list[CoverageClass] = Field(default_factory=list, alias="class")


class Encounter(Resource):
    """A visit."""

    status: str
    class_: Coding = Field(alias="class")
    subject: Reference | None = None
    period: Period = Period()
    service_provider: Reference | None = None


class Condition(Resource):
    """A diagnosis."""

    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    code: CodeableConcept | None = None
    subject: Reference
    encounter: Reference | None = None
    onset_date_time: str | None = None
    onset_period: Period = Period()
    abatement_date_time: str | None = None
    abatement_period: Period = Period()
    recorded_date: str | None = None


class Procedure(Resource):
    """Something done to a patient."""

    status: str
    code: CodeableConcept | None = None
    subject: Reference
    encounter: Reference | None = None
    performed_date_time: str | None = None
    performed_period: Period = Period()


class ObservationComponent(Element):
    """One of the values of a panel."""

    code: CodeableConcept
    value_quantity: Quantity | None = None
    value_integer: int | None = None
    value_codeable_concept: CodeableConcept | None = None
    data_absent_reason: CodeableConcept | None = None


class Observation(Resource):
    """A measurement or an answer."""

    status: str
    code: CodeableConcept
    subject: Reference | None = None
    encounter: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period = Period()
    effective_instant: str | None = None
    issued: str | None = None
    value_quantity: Quantity | None = None
    value_integer: int | None = None
    value_boolean: bool | None = None
    value_string: str | None = None
    value_codeable_concept: CodeableConcept | None = None
    data_absent_reason: CodeableConcept | None = None
    component: list[ObservationComponent] = Field(default_factory=list)


class Medication(Resource):
    """A medicine."""

    code: CodeableConcept | None = None


class MedicationRequest(Resource):
    """A prescription."""

    status: str
    intent: str | None = None
    do_not_perform: bool | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    subject: Reference
    encounter: Reference | None = None
    authored_on: str | None = None


class ClaimItem(Element):
    """One line of a bill."""

    category: CodeableConcept | None = None
    product_or_service: CodeableConcept
    serviced_date: str | None = None
    serviced_period: Period = Period()
    quantity: Quantity | None = None
    unit_price: Money | None = None
    net: Money | None = None
    encounter: list[Reference] = Field(default_factory=list)


class RelatedClaim(Element):
    """A link to another bill; reference: its number in somebody's files."""

    claim: Reference | None = None
    relationship: CodeableConcept | None = None
    reference: Identifier | None = None


class SupportingInfo(Element):
    """What else is said of a bill."""

    code: CodeableConcept | None = None


class Claim(Resource):
    """A bill."""

    status: str
    type: CodeableConcept
    use: str
    patient: Reference
    billable_period: Period = Period()
    created: str | None = None
    related: list[RelatedClaim] = Field(default_factory=list)
    supporting_info: list[SupportingInfo] = Field(default_factory=list)
    item: list[ClaimItem] = Field(default_factory=list)
    total: Money | None = None


class MessageSource(Element):
    """The application that sent a message."""

    endpoint: str | None = None


class MessageHeader(Resource):
    """Who sent a message."""

    source: MessageSource
