"""What a resource's status and intent make of it: a fact, a plan, a withdrawal, or nothing yet.

Every code of FHIR R4 (4.0.1) stands here once, for each resource that is read: the value sets
encounter-status, event-status, observation-status, medicationrequest-status and -intent, fm-status
and claim-use, all of them required. A code that is in none of them is refused.
"""

from collections.abc import Mapping
from typing import Final, Literal

from services.gateway.doors.fhir.elements import CodeableConcept
from services.gateway.doors.fhir.reader import Reader

Standing = Literal["fact", "over", "plan", "withdrawn", "passed_over"]
"""What becomes of a resource.

fact: it says what happened or holds. over: it held, and no longer does. plan: what may happen; it is
announced where there is an event for it, else passed over, and never counts as done. withdrawn: what
was said under its id is not so. passed_over: it says nothing that could be acted on.
"""

STATUSES: Final[Mapping[str, Mapping[str, Standing]]] = {
    "Encounter": {
        "planned": "plan", "arrived": "fact", "triaged": "fact", "in-progress": "fact",
        "onleave": "fact", "finished": "fact", "cancelled": "withdrawn",
        "entered-in-error": "withdrawn",
    },
    "Procedure": {
        "preparation": "plan", "in-progress": "passed_over", "not-done": "passed_over",
        "on-hold": "passed_over", "stopped": "passed_over", "completed": "fact",
        "entered-in-error": "withdrawn", "unknown": "passed_over",
    },
    "Observation": {
        "registered": "passed_over", "preliminary": "passed_over", "final": "fact",
        "amended": "fact", "corrected": "fact", "cancelled": "withdrawn",
        "entered-in-error": "withdrawn", "unknown": "passed_over",
    },
    "MedicationRequest": {
        "active": "fact", "on-hold": "over", "cancelled": "over", "completed": "over",
        "entered-in-error": "withdrawn", "stopped": "over", "draft": "plan",
        "unknown": "passed_over",
    },
    "Coverage": {
        "active": "fact", "cancelled": "over", "draft": "plan", "entered-in-error": "withdrawn",
    },
    "Claim": {
        "active": "fact", "cancelled": "withdrawn", "draft": "plan",
        "entered-in-error": "withdrawn",
    },
}  # fmt: skip
"""By type of resource and status. An Encounter of status `unknown` is refused: it is either."""

INTENTS: Final[Mapping[str, Mapping[str, Standing]]] = {
    "MedicationRequest": {
        "proposal": "plan", "plan": "plan", "order": "fact", "original-order": "fact",
        "reflex-order": "fact", "filler-order": "fact", "instance-order": "fact",
        "option": "plan",
    },
    "Claim": {"claim": "fact", "preauthorization": "plan", "predetermination": "plan"},
}  # fmt: skip
"""By type of resource, of `intent` or, of a Claim, of `use`: a plan whatever its status."""

CONCEPTS: Final[Mapping[str, Mapping[str, Standing]]] = {
    "clinicalStatus": {
        "active": "fact", "recurrence": "fact", "relapse": "fact", "inactive": "over",
        "remission": "over", "resolved": "over",
    },
    "verificationStatus": {
        "unconfirmed": "passed_over", "provisional": "passed_over", "differential": "passed_over",
        "confirmed": "fact", "refuted": "withdrawn", "entered-in-error": "withdrawn",
    },
}  # fmt: skip
"""Of a Condition, by element: condition-clinical and condition-ver-status, both required, as codings."""

_CONCEPT_SYSTEMS: Final = {
    "clinicalStatus": "http://terminology.hl7.org/CodeSystem/condition-clinical",
    "verificationStatus": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
}

PLANS: Final = frozenset([
    "Appointment", "AppointmentResponse", "CarePlan", "CommunicationRequest",
    "CoverageEligibilityRequest", "DeviceRequest", "EnrollmentRequest", "Goal",
    "ImmunizationRecommendation", "NutritionOrder", "RequestGroup", "Schedule", "ServiceRequest",
    "Slot", "SupplyRequest", "Task", "VisionPrescription",
])  # fmt: skip
"""Types of resources that say what may or should be done, and never what was."""


def standing_of(
    status: str, reader: Reader, intent: str | None = None, *, of: str = "intent"
) -> Standing | None:
    """Return what becomes of a resource; None, with a problem, for a code that R4 does not know.

    intent: its code where the type has one; of: the name of that element.
    """
    standing = _code(status, STATUSES[reader.type], "status", reader)
    if reader.type not in INTENTS:
        return standing
    if intent is None:
        mend = f"Say whether it is done or planned: {', '.join(INTENTS[reader.type])}."
        reader.problem("required", of, f"{reader.type}.{of} is missing", mend)
        return None
    intended = _code(intent, INTENTS[reader.type], of, reader)
    return intended if intended != "fact" else standing


def concept_standing(concept: CodeableConcept | None, at: str, reader: Reader) -> Standing | None:
    """Return what becomes of a Condition by a status that is a concept; without one it is a fact.

    Codings of other systems may stand beside. None, with a problem: no coding is of the value set, or
    they contradict one another.
    """
    if concept is None:
        return "fact"
    table = CONCEPTS[at]
    systems = {None, _CONCEPT_SYSTEMS[at]}
    codes = {one.code for one in concept.coding if one.system in systems and one.code}
    standings = {table.get(code) for code in codes}
    if len(standings) == 1 and None not in standings:
        return standings.pop()
    said = ", ".join(sorted(codes)) or concept.words or "nothing"
    says = f"{said[:80]!r} cannot be read as {at} of a Condition"
    reader.problem("value", at, says, f"Use one of {', '.join(table)} ({_CONCEPT_SYSTEMS[at]}).")
    return None


def pass_over(standing: Standing, status: str, reader: Reader) -> None:
    """Say that nothing is taken from a resource of this standing, and why."""
    if standing == "withdrawn":
        says = f"Passed over (status {status}): what was recorded under this id before, if anything"
        reader.remark(f"{says}, stands", severity="warning")
    elif standing == "plan":
        reader.remark("Passed over: a plan, proposal or draft is no fact; nothing follows from it")
    else:
        reader.remark(f"Passed over: with status {status} nothing can be concluded from it")


def _code(code: str, table: Mapping[str, Standing], at: str, reader: Reader) -> Standing | None:
    standing = table.get(code)
    if standing is None:
        says = f"{code[:40]!r} cannot be read as {at} of a resource of type {reader.type}"
        reader.problem("value", at, says, f"Use one of {', '.join(table)}.")
    return standing
