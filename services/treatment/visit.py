"""The legal moves of a visit: one table, and what each move does to what is known.

Facts of one visit come in any order, so a registration after the discharge is a late fact and not
a contradiction. What would contradict is refused by name and changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, assert_never

from services.contract.money import AMOUNT_MAX
from services.contract.step import RuleRefusedError
from services.contract.visit import (
    ChargePosted,
    ChargeVoided,
    VisitAdmitted,
    VisitCancelled,
    VisitDischarged,
    VisitRegistered,
)
from services.treatment.state import Charge, Phase, Visit

VisitFact = (
    VisitRegistered | VisitAdmitted | VisitDischarged | VisitCancelled | ChargePosted | ChargeVoided
)
Move = Literal[
    "register", "admit", "discharge", "cancel its discharge", "cancel", "charge", "void a charge of"
]

CHARGES_MAX: Final = 2_000
"""Charges in force of one visit. More is a runaway sender, and is refused."""

MOVES: Final[Mapping[Phase, Mapping[Move, Phase]]] = MappingProxyType({
    "awaited": {
        "register": "registered", "admit": "admitted", "discharge": "discharged",
        "cancel its discharge": "awaited",
        "cancel": "cancelled", "charge": "awaited", "void a charge of": "awaited",
    },
    "registered": {
        "admit": "admitted", "discharge": "discharged", "cancel its discharge": "registered",
        "cancel": "cancelled", "charge": "registered", "void a charge of": "registered",
    },
    "admitted": {
        "register": "admitted", "discharge": "discharged", "cancel its discharge": "admitted",
        "cancel": "cancelled", "charge": "admitted", "void a charge of": "admitted",
    },
    "discharged": {
        "register": "discharged", "admit": "discharged", "discharge": "discharged",
        "cancel its discharge": "reopened",
        "cancel": "cancelled", "charge": "discharged", "void a charge of": "discharged",
    },
    "reopened": {
        "register": "reopened", "admit": "reopened", "discharge": "discharged",
        "cancel its discharge": "reopened",
        "cancel": "cancelled", "charge": "reopened", "void a charge of": "reopened",
    },
    "cancelled": {},
})  # fmt: skip
"""From a phase, by a move, to a phase. What is not here is illegal."""


def moved(visit: Visit, fact: VisitFact, when: datetime) -> Visit:
    """Return the visit after `fact`, which happened at `when`.

    The class and provider of the discharge hold against those of a late registration or admission.
    A stay that went on after its discharge ends at the last one: an earlier one changes nothing,
    nor does the cancellation of an earlier one.

    Raises:
        RuleRefusedError: the move is not in the table, repeats what is known, or names a charge
            that cannot be posted or voided.
    """
    move = _move_of(fact)
    phase = MOVES[visit.phase].get(move)
    if phase is None:
        raise RuleRefusedError(
            f"cannot {move} visit {fact.visit_id}: it is {visit.phase}; "
            "check the order of the messages, or use a new visit id"
        )
    return _with_fact(visit, phase, fact, when)


def reason_of(fact: VisitFact) -> str:
    """Say in at most 500 characters why `fact` changes a bill."""
    match fact:
        case VisitRegistered() | VisitAdmitted():
            text = "the visit turned out to have begun on another day"
        case VisitDischarged():
            text = "the visit was discharged"
        case VisitCancelled():
            text = f"{fact.cancels} cancelled: {fact.reason}"
        case ChargePosted():
            text = f"charge {fact.charge_id} posted"
            if fact.replaces is not None:
                text += f" in place of {fact.replaces}"
        case ChargeVoided():
            text = f"charge {fact.charge_id} voided: {fact.reason}"
        case _:
            assert_never(fact)
    return text[:500]


def _move_of(fact: VisitFact) -> Move:
    match fact:
        case VisitRegistered():
            return "register"
        case VisitAdmitted():
            return "admit"
        case VisitDischarged():
            return "discharge"
        case VisitCancelled():
            return "cancel" if fact.cancels == "visit" else "cancel its discharge"
        case ChargePosted():
            return "charge"
        case ChargeVoided():
            return "void a charge of"
        case _:
            assert_never(fact)


def _with_fact(visit: Visit, phase: Phase, fact: VisitFact, when: datetime) -> Visit:
    match fact:
        case VisitRegistered():
            return _registered(visit, phase, fact, when)
        case VisitAdmitted():
            return _admitted(visit, phase, fact, when)
        case VisitDischarged():
            return _discharged(visit, phase, fact, when)
        case VisitCancelled(cancels="discharge"):
            return _reopened(visit, phase, when)
        case VisitCancelled():
            standing = tuple([need._replace(diagnoses=()) for need in visit.needs if need.referred])
            return visit._replace(phase=phase, discharged=None, charges=(), needs=standing)
        case ChargePosted():
            return visit._replace(phase=phase, charges=_posted(visit, fact))
        case ChargeVoided():
            return visit._replace(phase=phase, charges=_voided(visit, fact))
        case _:
            assert_never(fact)


def withdrawn(visit: Visit, fact: VisitDischarged) -> Visit:
    """Return the visit after a discharge that had been cancelled before it came."""
    if visit.phase == "discharged":
        return visit
    return visit._replace(phase="reopened", visit_class=fact.visit_class, provider=fact.provider)


def _reopened(visit: Visit, phase: Phase, when: datetime) -> Visit:
    if visit.discharged is None or when < visit.discharged:
        return visit
    return visit._replace(phase=phase, discharged=None)


def _discharged(visit: Visit, phase: Phase, fact: VisitDischarged, when: datetime) -> Visit:
    if visit.discharged is not None and visit.discharged >= when:
        if visit.discharged == when:
            _once("discharged", visit.discharged, fact.visit_id)
        return visit
    return visit._replace(
        phase=phase, discharged=when, visit_class=fact.visit_class, provider=fact.provider
    )


def _registered(visit: Visit, phase: Phase, fact: VisitRegistered, when: datetime) -> Visit:
    _once("registered", visit.registered, fact.visit_id)
    if visit.provider is not None:
        return visit._replace(phase=phase, registered=when)
    return visit._replace(
        phase=phase, registered=when, visit_class=fact.visit_class, provider=fact.provider
    )


def _admitted(visit: Visit, phase: Phase, fact: VisitAdmitted, when: datetime) -> Visit:
    _once("admitted", visit.admitted, fact.visit_id)
    if visit.phase in {"discharged", "reopened"}:
        return visit._replace(phase=phase, admitted=when)
    return visit._replace(
        phase=phase, admitted=when, visit_class="inpatient", provider=fact.provider
    )


def _once(what: str, known: datetime | None, visit_id: str) -> None:
    if known is not None:
        raise RuleRefusedError(
            f"visit {visit_id} was already {what} at {known.isoformat()}; "
            "a second stay is a visit of its own"
        )


def _posted(visit: Visit, fact: ChargePosted) -> tuple[Charge, ...]:
    name = f"charge {fact.charge_id} of visit {fact.visit_id}"
    others = visit.charges
    if fact.replaces is not None:
        others = tuple([charge for charge in others if charge.charge_id != fact.replaces])
    if any(charge.charge_id == fact.charge_id for charge in others):
        raise RuleRefusedError(f"{name} is in force already; void it first, or use a new charge id")
    if others and others[0].currency != fact.currency:
        raise RuleRefusedError(
            f"{name} is in {fact.currency}, the visit is billed in {others[0].currency}; "
            "state it in the currency of the visit"
        )
    if len(others) >= CHARGES_MAX:
        raise RuleRefusedError(f"{name} is one more than the {CHARGES_MAX} a visit may have")
    if sum(charge.amount for charge in others) + fact.amount > AMOUNT_MAX:
        raise RuleRefusedError(f"{name} takes the bill above {AMOUNT_MAX} minor units")
    posted = Charge(fact.charge_id, fact.currency, fact.lines, fact.category)
    return (*others, posted)


def _voided(visit: Visit, fact: ChargeVoided) -> tuple[Charge, ...]:
    rest = tuple(charge for charge in visit.charges if charge.charge_id != fact.charge_id)
    if len(rest) == len(visit.charges):
        raise RuleRefusedError(
            f"charge {fact.charge_id} of visit {fact.visit_id} is not in force: it was never "
            "posted, or is voided already; check the charge id"
        )
    return rest
