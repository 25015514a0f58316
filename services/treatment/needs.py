"""Which discharges leave a need for rehabilitation: those that a guideline says do."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

from services.contract.care import ReferralWithdrawn, ReferredToRehabilitation
from services.contract.clinical import ConditionRecorded
from services.contract.step import Draft
from services.member.calendar import BusinessDay, local_day
from services.pathways.index import pathways
from services.pathways.rehabilitation import Needs
from services.terminology.lookup import meanings
from services.treatment.state import Diagnosis, Need, Visit

DIAGNOSES_MAX: Final = 16
"""Diagnoses of one visit that are kept for one pathway: a stay is coded by a few departments."""


def needs_in(condition: ConditionRecorded, when: datetime) -> tuple[Need, ...]:
    """Return, by pathway, the codes of an active diagnosis that may leave a need."""
    if condition.status != "active":
        return ()
    named = [(code, meanings(code)) for code in condition.codes]
    found: list[Need] = []
    for pathway, rule in _rules(local_day(when)).items():
        wanted = rule.diagnoses
        codes = tuple([code for code, names in named if not wanted.isdisjoint(names)])
        if codes:
            found.append(Need(pathway, (Diagnosis(condition.condition_id, codes),)))
    return tuple(found)


def with_needs(visit: Visit, found: tuple[Need, ...]) -> Visit:
    """Return the visit with the diagnoses that are new to it; the same visit if none is."""
    known = {need.pathway: need for need in visit.needs}
    before = dict(known)
    for need in found:
        old = known.get(need.pathway, Need(need.pathway, ()))
        known[need.pathway] = old._replace(diagnoses=_joined(old.diagnoses, need.diagnoses))
    if known == before:
        return visit
    return visit._replace(needs=tuple(sorted(known.values(), key=lambda need: need.pathway)))


def _joined(known: tuple[Diagnosis, ...], found: tuple[Diagnosis, ...]) -> tuple[Diagnosis, ...]:
    codes = {one.condition: one.codes for one in known}
    for one in found:
        both = (*codes.get(one.condition, ()), *one.codes)
        codes[one.condition] = tuple(dict.fromkeys(both))
    return tuple([Diagnosis(*row) for row in codes.items()])[-DIAGNOSES_MAX:]


def without_diagnosis(visit: Visit, condition: str) -> Visit:
    """Return the visit in which a condition never was; the same visit if it was none of its."""
    needs = tuple([
        need._replace(
            diagnoses=tuple([one for one in need.diagnoses if one.condition != condition])
        )
        for need in visit.needs
    ])  # fmt: skip
    return visit if needs == visit.needs else visit._replace(needs=needs)


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
        if need.referred and (ended is None or not need.diagnoses):
            withdrawn = ReferralWithdrawn(
                pathway=need.pathway, visit_id=visit.visit_id, reason=reason
            )
            drafts.append(Draft(withdrawn, when))
            needs.append(need._replace(referred=False))
        elif (
            need.diagnoses
            and not need.referred
            and ended is not None
            and _is_due(visit, need, ended, at)
        ):
            drafts.append(Draft(_referral(visit, need, ended), when))
            needs.append(need._replace(referred=True))
        else:
            needs.append(need)
    left = tuple([need for need in needs if need.diagnoses])
    return (visit if left == visit.needs else visit._replace(needs=left)), tuple(drafts)


def _is_due(visit: Visit, need: Need, ended: datetime, at: datetime) -> bool:
    rule = _rules(local_day(ended)).get(need.pathway)
    return (
        rule is not None and visit.visit_class in rule.visit_classes and at - ended <= rule.within
    )


def _referral(visit: Visit, need: Need, ended: datetime) -> ReferredToRehabilitation:
    day = local_day(ended)
    return ReferredToRehabilitation(
        pathway=need.pathway,
        visit_id=visit.visit_id,
        discharged_on=day,
        codes=need.codes,
        reason=_rules(day)[need.pathway].reason,
    )


@lru_cache(maxsize=1024)
def _rules(day: BusinessDay) -> Mapping[str, Needs]:
    """Return what the guidelines in force on a day say, by pathway; gathered once for each day."""
    parts = {name: pathway.on(day).rehabilitation for name, pathway in pathways().items()}
    return {name: part.needs for name, part in parts.items() if part is not None}
