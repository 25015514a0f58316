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
    VisitRegistered,
)


class Links(NamedTuple):
    """A fact's place among the others.

    about: the fact itself, in words. gives: the things that stand from then on. needs: without it
    the fact has no effect, and waits. takes: what it declares never to have been, that which it
    needs first. mentions: without it the fact is doubtful. reopens: what waits for the first of
    `takes` once that is taken away.
    """

    about: str = ""
    gives: tuple[str, ...] = ()
    needs: str | None = None
    takes: tuple[str, ...] = ()
    mentions: str | None = None
    reopens: str | None = None


NONE: Final = Links()


@singledispatch
def links(data: EventData) -> Links:
    """Return what a fact has to do with others; nothing, for most kinds."""
    del data
    return NONE


@links.register
def _(data: VisitRegistered | VisitAdmitted) -> Links:
    visit = _visit(data.visit_id)
    return Links(visit, gives=(visit,))


@links.register
def _(data: VisitDischarged) -> Links:
    discharge = _discharge(data.visit_id)
    return Links(discharge, gives=(discharge, _visit(data.visit_id)))


@links.register
def _(data: VisitCancelled) -> Links:
    visit, discharge = _visit(data.visit_id), _discharge(data.visit_id)
    if data.cancels == "discharge":
        about = f"the cancellation of {discharge}"
        return Links(about, needs=discharge, takes=(discharge,), reopens=f"{visit}, open again")
    return Links(f"the cancellation of {visit}", needs=visit, takes=(visit, discharge))


@links.register
def _(data: ChargePosted) -> Links:
    charge, visit = _charge(data.charge_id, data.visit_id), data.visit_id
    return Links(charge, (charge,), needs=_discharge(visit), mentions=_visit(visit))


@links.register
def _(data: ChargeVoided) -> Links:
    charge = _charge(data.charge_id, data.visit_id)
    return Links(f"the voiding of {charge}", needs=charge, takes=(charge,))


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


def _within(about: str, visit_id: str | None) -> Links:
    return NONE if visit_id is None else Links(about, mentions=_visit(visit_id))


def _visit(visit_id: str) -> str:
    return f"visit {visit_id}"


def _discharge(visit_id: str) -> str:
    return f"the discharge of visit {visit_id}"


def _charge(charge_id: str, visit_id: str) -> str:
    return f"charge {charge_id} of visit {visit_id}"


def _cover(cover_id: str) -> str:
    return f"cover {cover_id}"
