"""Condition, Procedure, Observation and MedicationRequest: what was found, done and prescribed."""

from typing import Final, Literal

from services.contract.clinical import (
    Component,
    ConditionRecorded,
    ConditionWithdrawn,
    MedicationPrescribed,
    ObservationRecorded,
    ProcedurePerformed,
)
from services.contract.step import RuleRefusedError
from services.contract.visit import Code
from services.gateway.acceptance.facts import Fact
from services.gateway.doors.fhir.elements import CodeableConcept, Quantity, Reference
from services.gateway.doors.fhir.reader import Reader, codes_of, shown
from services.gateway.doors.fhir.resources import (
    Condition,
    Medication,
    MedicationRequest,
    Observation,
    ObservationComponent,
    Procedure,
)
from services.gateway.doors.fhir.statuses import concept_standing, pass_over, standing_of
from services.member.reading import check_units
from services.terminology.lookup import measure_of, measures

_COMPARATORS: Final = ("<", "<=", ">=", ">")
_CORRECTED: Final = {"amended", "corrected"}


def condition_facts(condition: Condition, reader: Reader) -> list[Fact]:
    """Return that a diagnosis was made, and, if so, that it is over; or that it never was.

    A suspicion (unconfirmed, provisional, differential) says neither.
    """
    verified = concept_standing(condition.verification_status, "verificationStatus", reader)
    if verified == "passed_over":
        says = (
            "a suspicion is no diagnosis, and nothing follows from it; send it again when confirmed"
        )
        reader.remark(f"Passed over: {says}", "verificationStatus", "warning")
        return []
    member = reader.required_reference(condition.subject, "Patient", "subject")
    visit_id = _visit(condition.encounter, reader)
    if verified == "withdrawn":
        return _refuted(condition, member, visit_id, reader)
    standing = concept_standing(condition.clinical_status, "clinicalStatus", reader)
    abated = (
        ("abatementDateTime", condition.abatement_date_time),
        ("abatementPeriod.end", condition.abatement_period.end),
    )
    if condition.clinical_status is None and any(text for _, text in abated):
        standing = "over"
    if condition.code is None or not (condition.code.first_code or condition.code.words):
        reader.remark("Passed over: it does not say which diagnosis it is", "code", "warning")
        return []
    codes = reader.codes(condition.code, "code")
    began = reader.moment_or_told(
        condition.meta,
        ("onsetDateTime", condition.onset_date_time),
        ("onsetPeriod.start", condition.onset_period.start),
        ("recordedDate", condition.recorded_date),
    )
    over = None
    if standing == "over":
        over = reader.end_moment(
            *abated,
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


def _refuted(
    condition: Condition, member: str | None, visit_id: str | None, reader: Reader
) -> list[Fact]:
    time = reader.told_at(condition.meta)
    if reader.failed or not (member and time):
        return []
    verified = condition.verification_status.words if condition.verification_status else None
    reason = f"The diagnosis was declared {(verified or 'refuted')[:100]}."
    data = ConditionWithdrawn(condition_id=reader.id, visit_id=visit_id, reason=reason)
    return [reader.fact(("withdrawn",), member, time, data, correlation_id=visit_id)]


def procedure_facts(procedure: Procedure, reader: Reader) -> list[Fact]:
    """Return that a procedure was done; one that is planned or under way says nothing yet."""
    standing = standing_of(procedure.status, reader)
    if standing not in {"fact", None}:
        pass_over(standing, procedure.status, reader)
        return []
    member = reader.required_reference(procedure.subject, "Patient", "subject")
    visit_id = _visit(procedure.encounter, reader)
    if procedure.code is None or not (procedure.code.first_code or procedure.code.words):
        reader.remark("Passed over: it does not say what was done", "code", "warning")
        return []
    codes = reader.codes(procedure.code, "code")
    time = reader.moment_or_told(
        procedure.meta,
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
    time = reader.moment_or_told(
        observation.meta,
        ("effectiveDateTime", observation.effective_date_time),
        ("effectivePeriod.start", observation.effective_period.start),
        ("effectiveInstant", observation.effective_instant),
        ("issued", observation.issued),
    )
    value, unit = _value(observation, codes, "", reader)
    words, answer = _words(observation, reader), _answer(observation.value_codeable_concept)
    components = _components(observation, reader)
    if reader.failed or not (member and time):
        return []
    if value is None and words is None and not components:
        absent = observation.data_absent_reason
        why = f" ({absent.words})" if absent is not None and absent.words else ""
        reader.remark(f"Passed over: it has no value of a kind that is read{why[:100]}")
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
    _check_units(data, reader)
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
    if request.do_not_perform:
        says = "an order not to give a medicine prescribes none"
        reader.remark(f"Passed over: {says}", "doNotPerform", "warning")
        return []
    visit_id = _visit(request.encounter, reader)
    codes = _medicine(request, reader)
    time = reader.moment_or_told(request.meta, ("authoredOn", request.authored_on))
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


def _value(
    part: Observation | ObservationComponent, codes: tuple[Code, ...], at: str, reader: Reader
) -> tuple[float | None, str | None]:
    """Return a number and its unit; a limit (`< 6.5`) is none, and stays out with a warning."""
    quantity, whole = part.value_quantity, part.value_integer
    if quantity is None or quantity.value is None:
        return (None, None) if whole is None else (float(whole), None)
    if quantity.comparator is not None:
        _check_comparator(quantity.comparator, at, reader)
        return None, None
    if part.data_absent_reason is not None:
        says = "There is a value and a reason why there is none"
        mend = "Leave out the one that does not hold."
        reader.problem("invalid", f"{at}dataAbsentReason", says, mend)
    return float(quantity.value), _unit(codes, quantity)


def _check_comparator(comparator: str, at: str, reader: Reader) -> None:
    place = f"{at}valueQuantity.comparator"
    if comparator in _COMPARATORS:
        says = (
            "the value is a limit and no number: it is kept in words at most, and no rule reads it"
        )
        reader.remark(f"With {comparator} {says}", place, "warning")
        return
    mend = f"Use one of {', '.join(_COMPARATORS)}."
    reader.problem("value", place, f"{comparator[:10]!r} is not a comparator", mend)


def _unit(codes: tuple[Code, ...], quantity: Quantity) -> str | None:
    """Return the unit as it is known here, however it is spelled; else as it was told."""
    told = (quantity.code or quantity.unit or "")[:50]
    measure = measure_of(codes)
    known = None if measure is None else measures()[measure].unit_named(told)
    return known or told or None


def _check_units(data: ObservationRecorded, reader: Reader) -> None:
    """Refuse what every rule would refuse: a number without its unit, or in a strange one."""
    try:
        check_units(data)
    except RuleRefusedError as error:
        mend = "Give the unit in UCUM, as valueQuantity.code with system http://unitsofmeasure.org."
        reader.problem("value", "valueQuantity.code", str(error), mend)


def _words(observation: Observation, reader: Reader) -> str | None:
    if observation.value_codeable_concept is not None:
        return shown(observation.value_codeable_concept.words)
    if observation.value_boolean is not None:
        return "true" if observation.value_boolean else "false"
    quantity = observation.value_quantity
    if quantity is not None and quantity.comparator is not None and not reader.failed:
        unit = quantity.code or quantity.unit or ""
        return shown(f"{quantity.comparator} {quantity.value} {unit}".strip())
    return shown(observation.value_string)


def _answer(concept: CodeableConcept | None) -> tuple[Code, ...]:
    """Return the codes of an answer, each with its system; words alone are its text."""
    return tuple(codes_of(concept)) if concept is not None and concept.first_code else ()


def _components(observation: Observation, reader: Reader) -> tuple[Component, ...]:
    components = []
    for number, each in enumerate(observation.component):
        at = f"component[{number}]"
        codes = tuple(codes_of(each.code))
        value, unit = _value(each, codes, f"{at}.", reader)
        answer = _answer(each.value_codeable_concept)
        if value is None and not answer:
            reader.remark("This component has neither number nor code and is passed over", at)
            continue
        if reader.codes(each.code, f"{at}.code"):
            components.append(Component(codes=codes, value=value, unit=unit, answer=answer))
    return tuple(components)
