"""Letting a member go whose record was replaced by another's: nothing stays in force."""

from datetime import datetime

from services.contract.event import Event
from services.contract.member import MemberMerged, MemberReleased
from services.contract.step import Draft
from services.treatment.billing import rebill
from services.treatment.needs import refer
from services.treatment.state import TreatmentState


def released(state: TreatmentState, event: Event[MemberMerged], at: datetime) -> tuple[Draft, ...]:
    """Reverse every bill and withdraw every referral, and name the visits that are free then.

    Their facts come again under the member that takes the place, and are billed there, by what is
    used up of that member's covers.
    """
    into = event.data.into
    reason = f"member {event.subject} was found to be {into}, who takes the visit over"
    both = (state.covers, state.covers)
    drafts: list[Draft] = []
    for visit in state.visits:
        gone = visit._replace(phase="cancelled")
        when = max(event.time, visit.discharged or event.time)
        _, payment = rebill(visit, gone, both, event.subject, when, reason)
        _, referral = refer(gone, when, at, reason)
        drafts += (*payment, *referral)
    visits = tuple([visit.visit_id for visit in state.visits])
    drafts.append(Draft(MemberReleased(into=into, visits=visits), event.time))
    return tuple(drafts)
