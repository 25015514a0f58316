"""Condition, Procedure, Observation and MedicationRequest: what was found, done and prescribed."""

from typing import Final, Literal

from services.contract.clinical import (
    Component,
    ConditionRecorded,
    MedicationPrescribed,
    ObservationRecorded,
    ProcedurePerformed,
)
from services.contract.visit import Code
from services.gateway.acceptance.facts import Fact
from services.gateway.doors.fhir.elements import CodeableConcept, Quantity, Reference
from services.gateway.doors.fhir.reader import Reader, codes_of, shown
from services.gateway.doors.fhir.resources import (
    Condition,
    Medication,
    MedicationRequest,
    Observation,
    Procedure,
)
from services.gateway.doors.fhir.statuses import pass_over, standing_of

_RESOLVED: Final = {"inactive", "remission", "resolved"}
_ACTIVE: Final = {"active", "recurrence", "relapse", None}
_CORRECTED: Final = {"amended", "corrected"}


def condition_facts(condition: Condition, reader: Reader) -> list[Fact]:
    """Return that a diagnosis was made, and, if so, that it is over: two facts, two times."""
    verified = condition.verification_status.first_code if condition.verification_status else None
    if verified in {"entered-in-error", "refuted"}:
        _withdrawn(reader, f"verification status {verified}")
        return []
    status = condition.clinical_status.first_code if condition.clinical_status else None
    if status not in _ACTIVE | _RESOLVED:
        mend = "Use active, recurrence, relapse, inactive, remission or resolved."
        says = f"The clinical status {str(status)[:40]!r} is not known"
        reader.problem("value", "clinicalStatus", says, mend)
    member = reader.required_reference(condition.subject, "Patient", "subject")
    visit_id = _visit(condition.encounter, reader)
    codes = reader.codes(condition.code, "code")
    began = reader.moment(
        ("onsetDateTime", condition.onset_date_time),
        ("onsetPeriod.start", condition.onset_period.start),
        ("recordedDate", condition.recorded_date),
    )
    over = None
    if status in _RESOLVED:
        over = reader.moment(
            ("abatementDateTime", condition.abatement_date_time),
            ("recordedDate", condition.recorded_date),
            ("onsetDateTime", condition.onset_date_time),
        )
    if reader.failed or not (member and began):
        return []

    def recorded(state: Literal["active", "resolved"]) -> ConditionRecorded:
        return ConditionRecorded(
            condition_id=reader.id, codes=codes, status=state, visit_id=visit_id
        )

    implied = over is not None
    facts = [
        reader.fact(
            ("active",), member, began, recorded("active"), correlation_id=visit_id, implied=implied
        )
    ]
    if over is not None:
        data = recorded("resolved")
        time = max(began, over)
        facts.append(reader.fact(("resolved",), member, time, data, correlation_id=visit_id))
    return facts


def procedure_facts(procedure: Procedure, reader: Reader) -> list[Fact]:
    """Return that a procedure was done; one that is planned or under way says nothing yet."""
    standing = standing_of(procedure.status, reader)
    if standing not in {"fact", None}:
        pass_over(standing, procedure.status, reader)
        return []
    member = reader.required_reference(procedure.subject, "Patient", "subject")
    visit_id = _visit(procedure.encounter, reader)
    codes = reader.codes(procedure.code, "code")
    time = reader.moment(
        ("performedDateTime", procedure.performed_date_time),
        ("performedPeriod.start", procedure.performed_period.start),
        ("performedPeriod.end", procedure.performed_period.end),
    )
    if reader.failed or not (member and time):
        return []
    data = ProcedurePerformed(procedure_id=reader.id, codes=codes, visit_id=visit_id)
    return [reader.fact(("performed",), member, time, data, correlation_id=visit_id)]


def observation_facts(observation: Observation, reader: Reader) -> list[Fact]:
    """Return a measurement, with its value, its answer in words, or its components.

    A corrected one is a fact of its own, told apart by the version of the resource.
    """
    standing = standing_of(observation.status, reader)
    if standing not in {"fact", None}:
        pass_over(standing, observation.status, reader)
        return []
    member = reader.required_reference(observation.subject, "Patient", "subject")
    visit_id = _visit(observation.encounter, reader)
    codes = reader.codes(observation.code, "code")
    time = reader.moment(
        ("effectiveDateTime", observation.effective_date_time),
        ("effectivePeriod.start", observation.effective_period.start),
        ("effectiveInstant", observation.effective_instant),
        ("issued", observation.issued),
    )
    value, unit = _value(observation.value_quantity, observation.value_integer)
    words, answer = _words(observation), _answer(observation.value_codeable_concept)
    components = _components(observation, reader)
    if reader.failed or not (member and time):
        return []
    if value is None and words is None and not components:
        reader.remark("Passed over: it has no value of a kind that is read")
        return []
    data = ObservationRecorded(
        observation_id=reader.id,
        codes=codes,
        value=value,
        unit=unit,
        text=words,
        components=components,
        answer=answer,
        visit_id=visit_id,
    )
    version: tuple[str, ...] = ()
    if observation.status in _CORRECTED:
        meta = observation.meta
        version = (observation.status, meta.version_id or meta.last_updated or "")
    return [reader.fact(("recorded", *version), member, time, data, correlation_id=visit_id)]


def prescription_facts(request: MedicationRequest, reader: Reader) -> list[Fact]:
    """Return that a medicine was prescribed, or is no longer taken; a proposal says neither."""
    standing = standing_of(request.status, reader, request.intent)
    if standing not in {"fact", "over", None}:
        pass_over(standing, request.status, reader)
        return []
    member = reader.required_reference(request.subject, "Patient", "subject")
    visit_id = _visit(request.encounter, reader)
    codes = _medicine(request, reader)
    time = reader.moment(("authoredOn", request.authored_on))
    if reader.failed or not (member and time):
        return []
    status: Literal["active", "stopped"] = "active" if standing == "fact" else "stopped"
    data = MedicationPrescribed(
        prescription_id=reader.id, codes=codes, status=status, visit_id=visit_id
    )
    return [reader.fact((status,), member, time, data, correlation_id=visit_id)]


def _medicine(request: MedicationRequest, reader: Reader) -> tuple[Code, ...]:
    """Return the codes of a medicine: those of the request, or of the Medication it refers to."""
    if request.medication_codeable_concept is not None or request.medication_reference is None:
        return reader.codes(request.medication_codeable_concept, "medicationCodeableConcept")
    target = reader.target(request.medication_reference, "medicationReference", "Medication")
    if target is None:
        if not reader.failed:
            says = "The medicine is neither coded nor referred to"
            mend = "Give medicationCodeableConcept, or refer to a Medication of this Bundle."
            reader.problem("required", "medicationReference", says, mend)
        return ()
    if target.resource is None:
        says = f"The Medication {target.id} did not come along, so that its code is not known"
        mend = "Send it in the same Bundle, contain it, or give medicationCodeableConcept."
        reader.problem("not-found", "medicationReference.reference", says, mend)
        return ()
    return reader.codes(Medication.model_validate(target.resource).code, "medicationReference.code")


def _visit(encounter: Reference | None, reader: Reader) -> str | None:
    return reader.reference(encounter, "Encounter", "encounter")


def _value(quantity: Quantity | None, whole: int | None) -> tuple[float | None, str | None]:
    if quantity is not None and quantity.value is not None:
        unit = quantity.code or quantity.unit
        return float(quantity.value), unit[:50] if unit else None
    return (None, None) if whole is None else (float(whole), None)


def _words(observation: Observation) -> str | None:
    if observation.value_codeable_concept is not None:
        return shown(observation.value_codeable_concept.words)
    if observation.value_boolean is not None:
        return "true" if observation.value_boolean else "false"
    return shown(observation.value_string)


def _answer(concept: CodeableConcept | None) -> tuple[Code, ...]:
    """Return the codes of an answer, each with its system; words alone are its text."""
    return tuple(codes_of(concept)) if concept is not None and concept.first_code else ()


def _components(observation: Observation, reader: Reader) -> tuple[Component, ...]:
    components = []
    for number, each in enumerate(observation.component):
        value, unit = _value(each.value_quantity, each.value_integer)
        answer = _answer(each.value_codeable_concept)
        at = f"component[{number}]"
        if value is None and not answer:
            reader.remark("This component has neither number nor code and is passed over", at)
            continue
        codes = reader.codes(each.code, f"{at}.code")
        if codes:
            components.append(Component(codes=codes, value=value, unit=unit, answer=answer))
    return tuple(components)


def _withdrawn(reader: Reader, why: str) -> None:
    reader.remark(
        f"Passed over ({why}): what was recorded under this id before, if anything, stands",
        severity="warning",
    )
