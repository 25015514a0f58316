"""Which discharges leave a need for rehabilitation: those that a guideline says do."""

from datetime import datetime

from services.contract.care import ReferralWithdrawn, ReferredToRehabilitation
from services.contract.clinical import ConditionRecorded
from services.contract.step import Draft
from services.contract.visit import Code
from services.member.calendar import local_day
from services.pathways import rehabilitation
from services.pathways.index import pathways
from services.terminology.lookup import diagnoses, meanings
from services.treatment.state import Need, Visit


def needs_in(condition: ConditionRecorded, when: datetime) -> tuple[Need, ...]:
    """Return, by pathway, the codes of an active diagnosis that may leave a need."""
    if condition.status != "active" or not diagnoses(condition.codes):
        return ()
    found: list[Need] = []
    for pathway in pathways():
        rule = _rule(pathway, when)
        codes = () if rule is None else _codes(condition, rule)
        if codes:
            found.append(Need(pathway, codes))
    return tuple(found)


def with_needs(visit: Visit, found: tuple[Need, ...]) -> Visit:
    """Return the visit with the codes that are new to it; the same visit if none is."""
    known = {need.pathway: need for need in visit.needs}
    before = dict(known)
    for need in found:
        old = known.get(need.pathway, Need(need.pathway, ()))
        fresh = tuple([code for code in need.codes if code not in old.codes])
        if fresh:
            known[need.pathway] = old._replace(codes=old.codes + fresh)
    if known == before:
        return visit
    return visit._replace(needs=tuple(sorted(known.values(), key=lambda need: need.pathway)))


def refer(
    visit: Visit, when: datetime, at: datetime, reason: str
) -> tuple[Visit, tuple[Draft, ...]]:
    """Return the visit and the referrals that it needs now, or withdrawals of those it had."""
    if not visit.needs:
        return visit, ()
    ended = visit.discharged if visit.phase == "discharged" else None
    needs: list[Need] = []
    drafts: list[Draft] = []
    for need in visit.needs:
        if need.referred and ended is None:
            withdrawn = ReferralWithdrawn(
                pathway=need.pathway, visit_id=visit.visit_id, reason=reason
            )
            drafts.append(Draft(withdrawn, when))
            needs.append(need._replace(referred=False))
        elif not need.referred and ended is not None and _is_due(visit, need, ended, at):
            drafts.append(Draft(_referral(visit, need, ended), when))
            needs.append(need._replace(referred=True))
        else:
            needs.append(need)
    left = tuple([need for need in needs if need.codes])
    return (visit if left == visit.needs else visit._replace(needs=left)), tuple(drafts)


def _is_due(visit: Visit, need: Need, ended: datetime, at: datetime) -> bool:
    rule = _rule(need.pathway, ended)
    return (
        rule is not None and visit.visit_class in rule.visit_classes and at - ended <= rule.within
    )


def _referral(visit: Visit, need: Need, ended: datetime) -> ReferredToRehabilitation:
    rule = _rule(need.pathway, ended)
    assert rule is not None  # the need was due by it
    return ReferredToRehabilitation(
        pathway=need.pathway,
        visit_id=visit.visit_id,
        discharged_on=local_day(ended),
        codes=need.codes,
        reason=rule.reason,
    )


def _rule(pathway: str, when: datetime) -> rehabilitation.Needs | None:
    """Return what a pathway's guideline of the day says, if it has rehabilitation."""
    found = pathways().get(pathway)
    part = None if found is None else found.on(local_day(when)).rehabilitation
    return None if part is None else part.needs


def _codes(condition: ConditionRecorded, rule: rehabilitation.Needs) -> tuple[Code, ...]:
    return tuple(
        [code for code in condition.codes if not set(rule.diagnoses).isdisjoint(meanings(code))]
    )
