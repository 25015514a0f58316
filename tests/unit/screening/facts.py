"""Facts of the hypertension pathway, as a hospital or a device would publish them."""

from datetime import date

from services.contract.care import (
    Goal,
    Instrument,
    PlanSet,
    ReferralWithdrawn,
    ReferredToRehabilitation,
    RehabilitationFinished,
)
from services.contract.clinical import (
    Component,
    ConditionRecorded,
    ConditionWithdrawn,
    ObservationRecorded,
)
from services.contract.member import MemberRegistered
from services.contract.visit import Code

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ICD_10 = "http://hl7.org/fhir/sid/icd-10"
MMHG = "mm[Hg]"


def registered(birth_date: date | str | None, sex="female"):
    """A birth date is a day, or a text for one that is known in part."""
    known = birth_date.isoformat() if isinstance(birth_date, date) else birth_date
    return MemberRegistered(birth_date=known, sex=sex)


def blood_pressure(systolic: float, diastolic: float, unit: str | None = MMHG, visit_id=None):
    """The panel that FHIR's blood-pressure profile asks for."""
    return ObservationRecorded(
        observation_id="bp",
        codes=(Code(system=LOINC, code="85354-9"),),
        value=None,
        unit=None,
        text=None,
        components=(
            Component(codes=(Code(system=LOINC, code="8462-4"),), value=diastolic, unit=unit),
            Component(codes=(Code(system=LOINC, code="8480-6"),), value=systolic, unit=unit),
        ),
        visit_id=visit_id,
    )


def observation(
    loinc: str, value: float | None, unit: str | None, text: str | None = None, answer=()
):
    return ObservationRecorded(
        observation_id="o",
        codes=(Code(system=LOINC, code=loinc),),
        value=value,
        unit=unit,
        text=text,
        components=(),
        answer=answer,
        visit_id=None,
    )


def smoking(words: str | None, snomed: str | None = None):
    answer = () if snomed is None else (Code(system=SNOMED, code=snomed),)
    return observation("72166-2", None, None, words, answer)


def refuted(condition_id: str):
    reason = "The diagnosis was declared refuted."
    return ConditionWithdrawn(condition_id=condition_id, visit_id=None, reason=reason)


def condition(code: str, status="active", system=SNOMED, condition_id=None):
    return ConditionRecorded(
        condition_id=condition_id or f"c-{code}",
        codes=(Code(system=system, code=code),),
        status=status,
        visit_id=None,
    )


def plan_set(pathway="hypertension"):
    goal = Goal(measure="systolic", bound="below", value=140, unit=MMHG)
    return PlanSet(pathway=pathway, stratum="medium", goals=(goal,), follow_up_days=60, rule="test")


def sent_to_rehabilitation(visit_id="visit-1", pathway="stroke"):
    return ReferredToRehabilitation(
        pathway=pathway,
        visit_id=visit_id,
        discharged_on=date(2026, 3, 1),
        codes=(Code(system=SNOMED, code="230690007"),),
        reason="stroke",
    )


def withdrawn(visit_id="visit-1"):
    return ReferralWithdrawn(pathway="stroke", visit_id=visit_id, reason="discharge cancelled")


def rehabilitated(pathway="stroke", outcome="goal_reached"):
    return RehabilitationFinished(
        pathway=pathway,
        outcome=outcome,
        instrument=Instrument(
            id="barthel", name="the Barthel index", form="0 to 100 in steps of 5"
        ),
        baseline=40,
        final=85,
        sessions=20,
    )
