"""Where a member stands, said when it changes."""

from services.contract.care import RiskStratified
from services.contract.step import Draft
from services.screening.case import Case, Told


def judged(case: Case, episode: str | None = None) -> Told:
    """Publish the verdict, if it has changed since it was last said."""
    latest = case.seen.latest
    if latest is None and not case.screening.stratifies_unread:
        return Told(case.row)
    found = case.verdict()
    if found is None or found.key == case.row.said:
        return Told(case.row)
    moment = case.time if latest is None else max(case.time, latest.time)
    stratified = RiskStratified(
        pathway=case.pathway.id,
        stratum=found.stratum,
        parts=tuple([part.told for part in found.parts]),
        rule=case.rule(case.screening.score or "strata"),
        guideline=case.screening.source,
    )
    return Told(
        case.row._replace(said=found.key),
        (Draft(stratified, moment), case.milestone("risk_stratified", moment, episode)),
    )
