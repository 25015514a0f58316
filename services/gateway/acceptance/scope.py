"""What a sender says, in Careloop's own ids.

Members and households are named as `names` says. The ids of visits, bills, covers and findings stay
as they are where the member's own namespace sends them, and are marked where another does. So what
an id becomes follows from the members that are known, and nothing else is to be remembered.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Final

from services.contract.event import EventData
from services.contract.member import CoverActivated, MemberMerged, MemberRegistered
from services.gateway.acceptance.facts import Fact
from services.gateway.acceptance.households import Known
from services.gateway.acceptance.names import MARK, named, scoped

OWN_IDS: Final = (
    "visit_id", "charge_id", "condition_id", "procedure_id", "observation_id", "prescription_id",
    "session_id", "cover_id", "replaces",
)  # fmt: skip
"""Fields of facts that hold an id of the sender's. Providers, insurers and products are everybody's."""


def in_careloops_ids(fact: Fact, known: Known) -> Fact:
    """Return a fact with Careloop's ids in place of its sender's."""
    if fact.as_sent is not None:  # it stands on the log already
        whole = known.whole(fact.member)
        return fact if whole == fact.member else replace(fact, member=whole)
    namespace = known.namespace_of(fact.source)
    member = named(fact.member, namespace, known.home_of(fact.member))
    if not isinstance(fact.data, MemberRegistered | MemberMerged):
        member = known.whole(member)
    found = known.members.get(member)
    at_home = found is None or found.namespace == namespace
    data = _data(fact.data, namespace, at_home=at_home)
    if isinstance(data, MemberMerged):
        into = known.whole(named(data.into, namespace, known.home_of(data.into)))
        data = data if into == data.into else MemberMerged(into=into)
    household, subscriber = fact.household, fact.subscriber
    if household is not None:
        household = named(household, namespace, known.households.get(household))
    if subscriber is not None:
        subscriber = known.whole(named(subscriber, namespace, known.home_of(subscriber)))
    people = (fact.member, fact.household, fact.subscriber)
    if data is fact.data and (member, household, subscriber) == people:
        return fact
    episode = getattr(data, "visit_id", None) or getattr(data, "session_id", None)
    return replace(
        fact,
        member=member,
        data=data,
        household=household,
        subscriber=subscriber,
        correlation_id=episode or fact.correlation_id,
        as_sent=fact,
    )


def _data(data: EventData, namespace: str, *, at_home: bool) -> EventData:
    """Return what a fact says, with the ids in it as they stand under its member."""

    def renamed(name: str) -> str:
        return name if at_home and MARK not in name else scoped(name, namespace)

    return _with_ids(data, renamed)


def _with_ids(data: EventData, renamed: Callable[[str], str]) -> EventData:
    """Return the data with each of the sender's own ids renamed; the same data if none changes."""
    changes: dict[str, object] = {}
    for name in _own_ids(type(data)):
        before = getattr(data, name)
        if before is not None and (after := renamed(before)) != before:
            changes[name] = after
    if isinstance(data, CoverActivated):
        before = data.cover.cover_id
        if (after := renamed(before)) != before:
            changes["cover"] = type(data.cover)(**{**vars(data.cover), "cover_id": after})
    return type(data)(**{**vars(data), **changes}) if changes else data


def rehomed(data: EventData, from_home: str, to_home: str) -> EventData:
    """Return what stood under a member of one namespace, as it stands under one of another."""
    if from_home == to_home:
        return data

    def renamed(name: str) -> str:
        return name.removesuffix(f"{MARK}{to_home}") if MARK in name else scoped(name, from_home)

    return _with_ids(data, renamed)


@cache
def _own_ids(data_type: type[EventData]) -> tuple[str, ...]:
    return tuple([name for name in OWN_IDS if name in data_type.model_fields])
