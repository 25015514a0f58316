"""Visits as hospitals publish them: check-ups, colds, injuries, the pharmacy, a stay for stroke."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from services.simulator import fhir
from services.simulator.corrections import Bill, perhaps_correct
from services.simulator.messages import Pen
from services.simulator.population import DAY_S
from services.simulator.readings import check_up_findings

HOUR_S: Final = 3600.0
COUNTER_WAIT_S: Final = 2
"""How long a hospital holds the member at the counter for the direct-pay decision."""

_WAITS: Final = 0.25
_CHARGED_LATE: Final = 0.04

_COLDS: Final = (
    ("J06.9", "Acute upper respiratory infection"),
    ("J20.9", "Acute bronchitis"),
    ("K29.7", "Gastritis"),
    ("M54.5", "Low back pain"),
    ("L30.9", "Dermatitis"),
)
_INJURIES: Final = (
    ("S61.9", "Open wound of wrist and hand", "86.59", "Suture of skin"),
    ("S93.4", "Sprain of ankle", "93.54", "Application of splint"),
    ("S52.5", "Fracture of lower end of radius", "79.02", "Closed reduction of fracture"),
)
HYPERTENSION: Final = ("I10", "Essential hypertension")
DIABETES: Final = ("E11.9", "Type 2 diabetes mellitus without complications")
STROKE: Final = ("I63.9", "Cerebral infarction")
AMLODIPINE: Final = ("C08CA01", "Amlodipine 5 mg")


def check_up(pen: Pen, at: float, treated_for: float | None, *, first: bool) -> None:
    """Publish a check-up: findings, known diabetes at the first one, and the bill."""
    person, city, hospital = pen.person, pen.city, pen.person.hospital
    visit_id = pen.new_id("v")
    begins, ends = city.instant(at), city.instant(at + HOUR_S)
    resources = [fhir.encounter(visit_id, person, "AMB", hospital, begins, ends)]
    if first and person.diabetic:
        resources.append(fhir.condition(pen.new_id("d"), person, visit_id, DIABETES, begins))
    resources += check_up_findings(pen, visit_id, city.instant(at + HOUR_S / 2), treated_for)
    lines = [("Check-up", 18_000), ("Lipid panel", 6_550)]
    bill = _bill(pen, visit_id, "AMB", hospital, at + HOUR_S, lines)
    resources.append(_charge(pen, bill, lines, "professional"))
    pen.bundle("check-up", at + HOUR_S, resources, hospital)


def ambulatory(pen: Pen, at: float) -> None:
    """Publish a visit for a cold or the like; some wait at the counter."""
    person, city, chance = pen.person, pen.city, pen.chance
    visit_id, hospital = pen.new_id("v"), person.hospital
    ends_at = at + chance.uniform(0.3, 2.0) * HOUR_S
    begins, ends = city.instant(at), city.instant(ends_at)
    resources = [
        fhir.encounter(visit_id, person, "AMB", hospital, begins, ends),
        fhir.condition(pen.new_id("d"), person, visit_id, chance.choice(_COLDS), begins),
    ]
    lines = [("Consultation", 5_000), ("Tests", chance.randrange(0, 40_000))]
    bill = _bill(pen, visit_id, "AMB", hospital, ends_at, lines)
    charge = _charge(pen, bill, lines, "professional")
    if chance.random() < _CHARGED_LATE:
        pen.bundle("ambulatory visit", ends_at, resources, hospital)
        charged_at = ends_at + chance.uniform(0.2, 3) * DAY_S
        pen.bundle("charge after discharge", charged_at, [charge], hospital)
        return
    wait_s = COUNTER_WAIT_S if chance.random() < _WAITS else 0
    pen.bundle("ambulatory visit", ends_at, [*resources, charge], hospital, wait_s=wait_s)
    perhaps_correct(pen, bill)


def emergency(pen: Pen, at: float) -> None:
    """Publish an injury: the arrival as a message Bundle, the rest when it is over."""
    person, city, chance = pen.person, pen.city, pen.chance
    visit_id = pen.new_id("v")
    hospital = chance.choice(("hospital-owned-1", "hospital-strategic-1", "hospital-out-1"))
    code, text, act, act_text = chance.choice(_INJURIES)
    ends_at = at + chance.uniform(1.0, 5.0) * HOUR_S
    begins, ends = city.instant(at), city.instant(ends_at)
    arrival = fhir.encounter(visit_id, person, "EMER", hospital, begins, None)
    pen.notice("emergency arrival", at, [arrival], "notification-admit", hospital)
    lines = [("Emergency care", 12_000), (act_text, chance.randrange(20_000, 280_000))]
    bill = _bill(pen, visit_id, "EMER", hospital, ends_at, lines)
    resources = [
        fhir.condition(pen.new_id("d"), person, visit_id, (code, text), begins),
        fhir.procedure(pen.new_id("p"), person, visit_id, (act, act_text), ends),
        _charge(pen, bill, lines),
        fhir.encounter(visit_id, person, "EMER", hospital, begins, ends),
    ]
    pen.bundle("emergency discharge", ends_at, resources, hospital, wait_s=COUNTER_WAIT_S)
    perhaps_correct(pen, bill)


def prescription(pen: Pen, at: float) -> None:
    """Publish a follow-up visit for hypertension: the diagnosis, the drug, the pharmacy's bill."""
    person, city = pen.person, pen.city
    visit_id, hospital = pen.new_id("v"), person.hospital
    ends_at = at + HOUR_S / 2
    begins, ends = city.instant(at), city.instant(ends_at)
    lines = [(AMLODIPINE[1], 8_940)]
    bill = _bill(pen, visit_id, "AMB", hospital, ends_at, lines)
    resources = [
        fhir.encounter(visit_id, person, "AMB", hospital, begins, ends),
        fhir.condition(pen.new_id("d"), person, visit_id, HYPERTENSION, begins),
        fhir.medication_request(pen.new_id("r"), person, visit_id, AMLODIPINE, ends),
        _charge(pen, bill, lines, "pharmacy"),
    ]
    pen.bundle("prescription", ends_at, resources, hospital)


def stroke_stay(pen: Pen, at: float) -> float:
    """Publish a stay for stroke from admission to discharge; returns when that is."""
    person, city, chance = pen.person, pen.city, pen.chance
    visit_id = pen.new_id("v")
    # An ambulance does not ask for the network.
    hospital = chance.choices(
        ("hospital-owned-1", "hospital-strategic-1", "hospital-alliance-1", "hospital-out-1"),
        (38, 28, 16, 18),
    )[0]
    begins = city.instant(at)
    admitted = fhir.encounter(visit_id, person, "IMP", hospital, begins, None)
    pen.notice("admission", at, [admitted], "notification-admit", hospital)

    days = chance.randrange(7, 15)
    for day in range(0, days, 4):
        lines = [
            ("Ward", 32_000 * min(4, days - day)),
            ("Imaging" if day == 0 else "Therapy", chance.randrange(80_000, 900_000)),
            ("Medicines", chance.randrange(30_000, 350_000)),
        ]
        posted_at = at + day * DAY_S + chance.uniform(8, 20) * HOUR_S
        bill = _bill(pen, visit_id, "IMP", hospital, posted_at, lines)
        pen.bundle("inpatient charge", posted_at, [_charge(pen, bill, lines)], hospital)

    ends_at = at + days * DAY_S + 10 * HOUR_S
    ends = city.instant(ends_at)
    thrombolysis = ("99.10", "Injection or infusion of thrombolytic agent")
    resources = [
        fhir.condition(pen.new_id("d"), person, visit_id, STROKE, begins),
        fhir.procedure(pen.new_id("p"), person, visit_id, thrombolysis, begins),
        fhir.encounter(visit_id, person, "IMP", hospital, begins, ends),
    ]
    pen.bundle("inpatient discharge", ends_at, resources, hospital, wait_s=COUNTER_WAIT_S)
    perhaps_correct(pen, replace(bill, ended_at=ends_at))
    return ends_at


def _bill(
    pen: Pen,
    visit_id: str,
    visit_class: fhir.VisitClass,
    hospital: str,
    at: float,
    lines: Sequence[tuple[str, int]],
) -> Bill:
    return Bill(
        visit_id=visit_id,
        visit_class=visit_class,
        hospital=hospital,
        ended_at=at,
        charge_id=pen.new_id("k"),
        amount=sum(amount for _, amount in lines),
    )


def _charge(
    pen: Pen,
    bill: Bill,
    lines: Sequence[tuple[str, int]],
    category: fhir.Category = "institutional",
) -> fhir.Resource:
    written = pen.city.instant(bill.ended_at)
    return fhir.claim(
        bill.charge_id, pen.person, bill.visit_id, bill.hospital, category, lines, written
    )
