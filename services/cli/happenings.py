"""The few events that are worth a line on the screen, in words."""

from datetime import datetime
from typing import Final, NamedTuple

from services.contract import care, payment
from services.contract.event import Event, EventData
from services.contract.money import as_text
from services.contract.visit import VisitAdmitted

LARGE_BILL: Final = 10_000_00
"""Minor units from which on a decision is worth a line."""


class Happening(NamedTuple):
    """One line: when it was (city time), the stage's sign, who, and what."""

    time: datetime
    sign: str
    member: str
    words: str


def happening(event: Event[EventData]) -> Happening | None:
    """Return the line for an event, or None for one of the many that have none."""
    found = _words(event.data)
    return None if found is None else Happening(event.time, found[0], event.subject, found[1])


def _words(data: EventData) -> tuple[str, str] | None:
    match data:
        case care.ReferredToManagement():
            return "筛", f"hypertension found, risk {_plain(data.stratum)}"
        case care.ScreeningScheduled() if data.closes_loop:
            return "筛", f"the loop is closed; next screening on {data.due:%d %b %Y}"
        case care.PlanSet():
            return "管", f"plan: below {data.target_systolic}/{data.target_diastolic} mmHg"
        case care.ReferredToTreatment():
            return "管", f"red flag: {data.reason}"
        case VisitAdmitted():
            return "治", f"admitted to {data.provider.id}"
        case care.ReferredToRehabilitation():
            return "治", f"needs rehabilitation: {data.reason}"
        case care.RehabilitationPlanned():
            return "康", f"goal: from {data.baseline} to {data.goal} on the Barthel index"
        case care.RehabilitationFinished():
            return "康", f"finished after {data.sessions} sessions: {_plain(data.outcome)}"
        case payment.DirectPayDecided() | payment.ClaimDecided() if data.billed >= LARGE_BILL:
            own = as_text(data.parts.member, data.currency)
            billed = as_text(data.billed, data.currency)
            return "付", f"{_plain(data.outcome)}: {billed} billed, the member pays {own}"
        case _:
            return None


def _plain(word: str) -> str:
    return word.replace("_", " ")
