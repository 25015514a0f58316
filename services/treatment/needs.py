"""Which discharges leave a need for rehabilitation: those after a stroke."""

from datetime import datetime, timedelta
from typing import Final

from services.contract.care import ReferralWithdrawn, ReferredToRehabilitation
from services.contract.clinical import ConditionRecorded
from services.contract.step import Draft
from services.contract.visit import Code
from services.treatment.state import Visit

ICD_10: Final = frozenset(
    {
        "http://hl7.org/fhir/sid/icd-10",
        "http://hl7.org/fhir/sid/icd-10-cm",
        "urn:oid:2.16.840.1.113883.6.3",
        "urn:oid:2.16.156.10011.2.3.3.11",
        "urn:oid:2.16.156.10011.2.3.3.11.3",
    }
)
"""ICD-10 by its names in FHIR, in HL7's OIDs, and in the Chinese shared documents."""

STROKE_ICD_10: Final = ("I60", "I61", "I62", "I63", "I64")
"""WHO ICD-10, chapter IX: non-traumatic intracranial haemorrhage, infarction, and stroke not
specified. I65 to I69 are stenoses, other diseases and sequelae; G45 is a transient attack."""

SNOMED: Final = "http://snomed.info/sct"

STROKE_SNOMED: Final = frozenset(
    {
        "230690007",  # cerebrovascular accident; the one code that Synthea writes
        "422504002",  # ischaemic stroke
        "432504007",  # cerebral infarction
        "230706003",  # haemorrhagic cerebral infarction
        "274100004",  # cerebral haemorrhage
        "230691006",  # cerebrovascular accident due to cerebral haemorrhage
        "21454007",  # subarachnoid haemorrhage
    }
)

ACUTE_CLASSES: Final = frozenset({"inpatient", "emergency"})
"""A stroke code at a later clinic visit is history and not a new stroke."""

REFERRAL_WITHIN: Final = timedelta(days=183)
"""A discharge longer ago than half a year makes no referral when it becomes known.

Careloop's rule, after the course of recovery: most of it falls in the first months after a stroke
(Langhorne, Bernhardt, Kwakkel. Stroke rehabilitation. Lancet 2011; 377: 1693-1702).
"""


def stroke_codes(condition: ConditionRecorded) -> tuple[Code, ...]:
    """Return those codes of an active diagnosis that stand for a stroke."""
    if condition.status != "active":
        return ()
    return tuple(code for code in condition.codes if _is_stroke(code))


def _is_stroke(code: Code) -> bool:
    if code.system == SNOMED:
        return code.code in STROKE_SNOMED
    return code.system in ICD_10 and code.code.upper().startswith(STROKE_ICD_10)


def refer(
    visit: Visit, when: datetime, at: datetime, reason: str
) -> tuple[Visit, tuple[Draft, ...]]:
    """Return the visit and the referral that it needs now, or the withdrawal of the one it had."""
    ended = visit.discharged if visit.phase == "discharged" else None
    if visit.referred and ended is None:
        withdrawn = ReferralWithdrawn(visit_id=visit.visit_id, reason=reason)
        return visit._replace(referred=False), (Draft(withdrawn, when),)
    if visit.referred or ended is None or not visit.stroke:
        return visit, ()
    if visit.visit_class not in ACUTE_CLASSES or at - ended > REFERRAL_WITHIN:
        return visit, ()
    referral = ReferredToRehabilitation(
        visit_id=visit.visit_id,
        discharged_on=ended.date(),
        codes=visit.stroke,
        reason="discharged after a stroke",
    )
    return visit._replace(referred=True), (Draft(referral, when),)
