"""The steps that a product can be adjudicated by: small pure functions in one table.

A step sees the case and the working figures, and answers with new figures and a note. Limiting
steps lower `payable`; only `pay` takes. Steps may come in any order that a product states.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from services.contract.member import CoverTerms
from services.contract.money import as_text
from services.contract.payment import PaymentRequested
from services.settlement.product import Limits, Product, StepName, Version
from services.settlement.state import Used


class Case(NamedTuple):
    """All that a step may look at: the request, the cover, its terms, and what is used up.

    limits: the product's amounts in the currency of the bill.
    """

    request: PaymentRequested
    cover: CoverTerms
    product: Product
    version: Version
    limits: Limits
    used: Used

    def money(self, amount: int) -> str:
        """Write an amount of the bill for people."""
        return as_text(amount, self.request.currency)


class Working(NamedTuple):
    """The figures between two steps, in minor units.

    open: left of the bill by all steps so far. payable: what this payer would bear of it.
    deductible, sessions: to be counted as used. stopped: the cover does not pay this bill.
    """

    open: int
    payable: int
    taken: int = 0
    deductible: int = 0
    sessions: int = 0
    stopped: bool = False


Answer = tuple[Working, str]
"""The figures after a step, and why, in plain words."""


def percent_of(amount: int, percent: int) -> int:
    """Return `percent` of an amount of minor units, rounded half-even to a whole one."""
    whole, rest = divmod(amount * percent, 100)
    up = rest > 50 or (rest == 50 and whole % 2 == 1)  # half of 100
    return whole + 1 if up else whole


def _stop(work: Working, why: str) -> Answer:
    return work._replace(payable=0, stopped=True), f"Pays nothing: {why}."


def _cap(work: Working, most: int) -> Working:
    return work if work.payable <= most else work._replace(payable=most)


def service(case: Case, work: Working) -> Answer:
    """Stop unless the product pays for this kind of service."""
    kind = case.request.service.replace("_", " ")
    if case.request.service in case.version.services:
        return work, f"A {kind} is a covered service."
    return _stop(work, f"a {kind} is not among the services of this product")


def currency(case: Case, work: Working) -> Answer:
    """Stop unless the product states its amounts in the bill's currency."""
    if case.request.currency in case.version.limits:
        return work, f"The product is offered in {case.request.currency}."
    return _stop(work, f"the product is not offered in {case.request.currency}")


def in_force(case: Case, work: Working) -> Answer:
    """Stop unless the service date lies within the cover's days, both inclusive."""
    day, cover = case.request.service_date, case.cover
    if day < cover.valid_from:
        return _stop(work, f"cover {cover.cover_id} begins on {cover.valid_from}, after {day}")
    if cover.valid_to is not None and day > cover.valid_to:
        return _stop(work, f"cover {cover.cover_id} ended on {cover.valid_to}, before {day}")
    return work, f"Cover {cover.cover_id} is in force on {day}."


def waiting_period(case: Case, work: Working) -> Answer:
    """Stop while the cover is younger than the waiting period, save for exempt visits."""
    if case.request.visit_class in case.version.waiting_exempt:
        return work, f"An {case.request.visit_class} visit does not wait."
    days, first = case.version.waiting_days, case.cover.valid_from
    if (case.request.service_date - first).days < days:
        return _stop(work, f"the waiting period of {days} days from {first} is not over")
    return work, f"The waiting period of {days} days from {first} is over."


def visit_deductible(case: Case, work: Working) -> Answer:
    """Leave to others the deductible of this one bill, by visit class."""
    deductible = case.limits.visit_deductible.get(case.request.visit_class, 0)
    borne = min(deductible, work.payable)
    note = f"Deductible of the visit: {case.money(deductible)}; {case.money(borne)} is left out."
    return _cap(work, work.payable - borne), note


def annual_deductible(case: Case, work: Working) -> Answer:
    """Leave to others what is not yet used of the benefit year's deductible, and use it."""
    left = max(0, case.limits.annual_deductible - case.used.deductible)
    borne = min(left, work.payable)
    note = (
        f"Deductible of the benefit year from {case.used.year}: "
        f"{case.money(case.limits.annual_deductible)}, {case.money(case.used.deductible)} used "
        f"before; {case.money(borne)} is left out."
    )
    payable = work.payable - borne
    return work._replace(payable=payable, deductible=work.deductible + borne), note


def percentage(case: Case, work: Working) -> Answer:
    """Bear the payer's side for this visit class and network, rounded half-even."""
    network, visit_class = case.request.provider.network, case.request.visit_class
    percent = case.version.percent_for(visit_class, network)
    payable = percent_of(work.payable, percent)
    note = (
        f"The payer's side is {percent} % ({visit_class}, network {network}): "
        f"{case.money(payable)} of {case.money(work.payable)}."
    )
    return _cap(work, payable), note


def session_limit(case: Case, work: Working) -> Answer:
    """Bear no more of one session than the product's amount."""
    most = case.limits.session_limit
    if most is None:
        return work, "There is no limit per session."
    return _cap(work, most), f"At most {case.money(most)} of one session is borne."


def sessions(case: Case, work: Working) -> Answer:
    """Stop when the benefit year's sessions are used up; otherwise use one if it is paid for."""
    most = case.version.sessions_max
    if most is not None and case.used.sessions >= most:
        return _stop(work, f"all {most} sessions of the year from {case.used.year} are used up")
    uses = 1 if work.payable else 0
    note = f"{case.used.sessions} sessions used before since {case.used.year}; this uses {uses}."
    return work._replace(sessions=uses), note


def annual_limit(case: Case, work: Working) -> Answer:
    """Bear no more than what is left of the benefit year's limit."""
    most = case.limits.annual_limit
    if most is None:
        return work, "There is no annual limit."
    left = max(0, most - case.used.paid)
    note = (
        f"Limit of the benefit year from {case.used.year}: {case.money(most)}, "
        f"{case.money(left)} left."
    )
    return _cap(work, left), note


def pay(case: Case, work: Working) -> Answer:
    """Take what is payable."""
    taken = min(work.payable, work.open)
    after = work._replace(open=work.open - taken, payable=0, taken=taken)
    return after, f"{case.cover.insurer} pays {case.money(taken)}."


STEPS: Final[Mapping[StepName, Callable[[Case, Working], Answer]]] = MappingProxyType(
    {
        "service": service,
        "currency": currency,
        "in_force": in_force,
        "waiting_period": waiting_period,
        "visit_deductible": visit_deductible,
        "annual_deductible": annual_deductible,
        "percentage": percentage,
        "session_limit": session_limit,
        "sessions": sessions,
        "annual_limit": annual_limit,
        "pay": pay,
    }
)
