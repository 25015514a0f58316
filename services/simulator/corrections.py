"""Corrections: a hospital takes back what it published, and says it right.

Sent as CloudEvents, which say exactly what is undone (ADT^A13; a voided and a new DFT^P03).
"""

from dataclasses import dataclass
from typing import Final

from services.simulator import fhir
from services.simulator.messages import Pen
from services.simulator.population import DAY_S

_DISCHARGE_CANCELLED: Final = 0.03
_CHARGE_REPLACED: Final = 0.03
_CLASSES: Final = {"AMB": "ambulatory", "IMP": "inpatient", "EMER": "emergency"}


@dataclass(frozen=True, slots=True)
class Bill:
    """A visit that ended at `ended_at` (city seconds), and one charge of it, in fen."""

    visit_id: str
    visit_class: str
    hospital: str
    ended_at: float
    charge_id: str
    amount: int


def perhaps_correct(pen: Pen, bill: Bill) -> None:
    """Publish, for a few visits in a hundred, a correction one to four days after the end."""
    drawn = pen.chance.random()
    at = bill.ended_at + pen.chance.uniform(1, 4) * DAY_S
    if drawn < _DISCHARGE_CANCELLED:
        _discharge_again(pen, bill, at)
    elif drawn < _DISCHARGE_CANCELLED + _CHARGE_REPLACED and bill.amount > 1_000:
        _replace_charge(pen, bill, at)


def _discharge_again(pen: Pen, bill: Bill, at: float) -> None:
    source, visit_id = fhir.source(bill.hospital), bill.visit_id
    cancelled = pen.cloud_event(
        "careloop.visit.cancelled.v1",
        f"{visit_id}-discharge-cancelled",
        source,
        at,
        {"visit_id": visit_id, "cancels": "discharge", "reason": "Discharged by mistake."},
    )
    again_at = at + 0.5 * DAY_S
    discharged = pen.cloud_event(
        "careloop.visit.discharged.v1",
        f"{visit_id}-discharged-again",
        source,
        again_at,
        {
            "visit_id": visit_id,
            "visit_class": _CLASSES[bill.visit_class],
            "provider": {"id": bill.hospital},
        },
    )
    pen.event("discharge cancelled", at, cancelled)
    pen.event("discharged again", again_at, discharged)


def _replace_charge(pen: Pen, bill: Bill, at: float) -> None:
    source = fhir.source(bill.hospital)
    voided = pen.cloud_event(
        "careloop.charge.voided.v1",
        f"{bill.charge_id}-voided",
        source,
        at,
        {"charge_id": bill.charge_id, "visit_id": bill.visit_id, "reason": "Charged twice."},
    )
    charge_id, amount = pen.new_id("k"), bill.amount * 4 // 5
    posted = pen.cloud_event(
        "careloop.charge.posted.v1",
        f"{charge_id}-posted",
        source,
        at + 60.0,
        {
            "charge_id": charge_id,
            "visit_id": bill.visit_id,
            "category": "institutional",
            "currency": "CNY",
            "amount": amount,
            "lines": [{"code": None, "text": "Corrected charge", "amount": amount}],
        },
    )
    pen.event("charge voided", at, voided)
    pen.event("charge replaced", at + 60.0, posted)
