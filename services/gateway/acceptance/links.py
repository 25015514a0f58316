"""What facts are to one another: which one brings what another needs, and which takes it away.

A thing is named in words, as a sender is told of it: `visit v1`, `the discharge of visit v1`,
`charge c1 of visit v1`, `cover k1`.
"""

from functools import singledispatch
from typing import Final, NamedTuple

from services.contract.clinical import ConditionRecorded, ProcedurePerformed
from services.contract.event import EventData
from services.contract.member import CoverActivated, CoverEnded
from services.contract.visit import (
    ChargePosted,
    ChargeVoided,
    VisitAdmitted,
    VisitCancelled,
    VisitDischarged,
    VisitPlanned,
    VisitRegistered,
)


class Links(NamedTuple):
    """A fact's place among the others.

    about: the fact itself, in words. gives: the things that stand from then on. needs: without it
    the fact has no effect, and waits. takes: what it declares never to have been, that which it
    needs first. mentions: without it the fact is doubtful. within: the visit whose cancellation
    reaches it. reopens: what waits for the discharge that was taken away. bills: of what changes
    the bill of a visit, its discharge, with which the bill is due.
    """

    about: str = ""
    gives: tuple[str, ...] = ()
    needs: str | None = None
    takes: tuple[str, ...] = ()
    mentions: str | None = None
    within: str | None = None
    reopens: str | None = None
    bills: str | None = None


NONE: Final = Links()


@singledispatch
def links(data: EventData) -> Links:
    """Return what a fact has to do with others; nothing, for most kinds."""
    del data
    return NONE


@links.register
def _(data: VisitRegistered | VisitAdmitted) -> Links:
    visit = visit_of(data.visit_id)
    return Links(visit, gives=(visit,), within=visit)


@links.register
def _(data: VisitPlanned) -> Links:
    visit = visit_of(data.visit_id)
    return Links(f"the plan of {visit}", gives=(visit,), within=visit)


@links.register
def _(data: VisitDischarged) -> Links:
    visit, discharge = visit_of(data.visit_id), _discharge(data.visit_id)
    open_again = f"{visit}, open again"
    return Links(
        discharge, gives=(discharge, visit), within=visit, reopens=open_again, bills=discharge
    )


@links.register
def _(data: VisitCancelled) -> Links:
    visit, discharge = visit_of(data.visit_id), _discharge(data.visit_id)
    if data.cancels == "discharge":
        return Links(
            cancellation_of(discharge),
            needs=discharge,
            takes=(discharge,),
            within=visit,
            reopens=f"{visit}, open again",
            bills=discharge,
        )
    about = cancellation_of(visit)
    takes = (visit, discharge, bills_of(visit))
    return Links(about, needs=visit, takes=takes, within=visit, bills=discharge)


@links.register
def _(data: ChargePosted) -> Links:
    charge = _charge(data.charge_id, data.visit_id)
    visit, discharge = visit_of(data.visit_id), _discharge(data.visit_id)
    prior = () if data.replaces is None else (_charge(data.replaces, data.visit_id),)
    return Links(
        charge,
        gives=(charge,),
        needs=discharge,
        takes=prior,
        mentions=visit,
        within=visit,
        bills=discharge,
    )


@links.register
def _(data: ChargeVoided) -> Links:
    charge = _charge(data.charge_id, data.visit_id)
    visit = visit_of(data.visit_id)
    about, discharge = f"the voiding of {charge}", _discharge(data.visit_id)
    return Links(about, needs=charge, takes=(charge,), within=visit, bills=discharge)


@links.register
def _(data: CoverActivated) -> Links:
    cover = _cover(data.cover.cover_id)
    return Links(cover, gives=(cover,))


@links.register
def _(data: CoverEnded) -> Links:
    return Links(f"the end of {_cover(data.cover_id)}", needs=_cover(data.cover_id))


@links.register
def _(data: ConditionRecorded) -> Links:
    return _within(f"condition {data.condition_id}", data.visit_id)


@links.register
def _(data: ProcedurePerformed) -> Links:
    return _within(f"procedure {data.procedure_id}", data.visit_id)


def cancellation_of(thing: str) -> str:
    """Name what cancels a visit or a discharge. It stands, and reaches what happened before it."""
    return f"the cancellation of {thing}"


def bills_of(visit: str) -> str:
    """Name what stands for a visit that nobody has told of, and that has been billed."""
    return f"bills of {visit}"


def things_of(visit_id: str) -> tuple[str, str, str]:
    """Name a visit, its discharge and its cancellation."""
    visit = visit_of(visit_id)
    return visit, _discharge(visit_id), cancellation_of(visit)


def _within(about: str, visit_id: str | None) -> Links:
    return NONE if visit_id is None else Links(about, mentions=visit_of(visit_id))


def visit_of(visit_id: str) -> str:
    """Name a visit."""
    return f"visit {visit_id}"


def _discharge(visit_id: str) -> str:
    return f"the discharge of visit {visit_id}"


def _charge(charge_id: str, visit_id: str) -> str:
    return f"charge {charge_id} of visit {visit_id}"


def _cover(cover_id: str) -> str:
    return f"cover {cover_id}"
