"""The loop of care: screening, management, treatment, rehabilitation, and screening again."""

from typing import assert_never

from services.contract.care import (
    Outcome,
    PlanSet,
    ReferralWithdrawn,
    ReferredToRehabilitation,
)
from services.screening.case import Case, Told
from services.screening.due import after_rehabilitation
from services.screening.state import REHABILITATION_VISITS_MAX, PathwayRow, VisitedStage


def with_stage(row: PathwayRow, stage: VisitedStage) -> PathwayRow:
    """Return the row in which the loop has been through a stage; the same if it had."""
    return row if stage in row.visited else row._replace(visited=(*row.visited, stage))


def gone_round(
    row: PathwayRow, data: PlanSet | ReferredToRehabilitation | ReferralWithdrawn
) -> PathwayRow:
    """Note where in the loop the member is; treatment counts while its referral stands."""
    visits = row.rehabilitation_visits
    match data:
        case PlanSet():
            return with_stage(row, "management")
        case ReferredToRehabilitation():
            others = tuple(visit for visit in visits if visit != data.visit_id)
            visits = (*others, data.visit_id)[-REHABILITATION_VISITS_MAX:]
        case ReferralWithdrawn():
            visits = tuple(visit for visit in visits if visit != data.visit_id)
        case _:
            assert_never(data)
    return (
        row if visits == row.rehabilitation_visits else row._replace(rehabilitation_visits=visits)
    )


def rehabilitated(case: Case, outcome: Outcome) -> Told:
    """Schedule the next screening; the loop closes if the member has been through all stages.

    It has been through rehabilitation when that ended with its goal reached, or with a plateau that
    was measured. A member who was lost to follow-up is invited again, and no loop has closed.
    """
    after = case.screening.after_rehabilitation
    assert after is not None  # only such pathways are asked
    if not case.counts(max(case.day, case.today)):
        return Told(case.row)
    if outcome == "lost_to_follow_up":
        lost = case.row._replace(rehabilitation_visits=())
        return after_rehabilitation(case.after(Told(lost)), after.within_days, closes_loop=False)
    row = with_stage(case.row, "rehabilitation")
    closes = {"screening", "management"} <= set(row.visited) and bool(row.rehabilitation_visits)
    if closes:
        row = row._replace(visited=(), rehabilitation_visits=())
    return after_rehabilitation(case.after(Told(row)), after.within_days, closes_loop=closes)
