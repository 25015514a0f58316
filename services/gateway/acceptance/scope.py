"""What a sender says, in Careloop's own ids.

Members and households are named as `names` says. The ids of visits, bills, covers and findings stay
as they are where the member's own namespace sends them, and are marked where another does. So what
an id becomes follows from the members that are known, and nothing else is to be remembered.
"""

from dataclasses import replace
from functools import cache
from typing import Final

from services.contract.event import EventData
from services.contract.member import CoverActivated
from services.gateway.acceptance.facts import Fact
from services.gateway.acceptance.households import Known
from services.gateway.acceptance.names import MARK, named, scoped

OWN_IDS: Final = (
    "visit_id", "charge_id", "condition_id", "procedure_id", "observation_id", "prescription_id",
    "session_id", "cover_id",
)  # fmt: skip
"""Fields of facts that hold an id of the sender's. Providers, insurers and products are everybody's."""


def in_careloops_ids(fact: Fact, known: Known) -> Fact:
    """Return a fact with Careloop's ids in place of its sender's."""
    namespace = known.namespace_of(fact.source)
    member = named(fact.member, namespace, known.home_of(fact.member))
    found = known.members.get(member)
    at_home = found is None or found.namespace == namespace
    data = _data(fact.data, namespace, at_home=at_home)
    household, subscriber = fact.household, fact.subscriber
    if household is not None:
        household = named(household, namespace, known.households.get(household))
    if subscriber is not None:
        subscriber = named(subscriber, namespace, known.home_of(subscriber))
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
    changes: dict[str, object] = {}
    for name in _own_ids(type(data)):
        sent = getattr(data, name)
        if sent is not None and (MARK in sent or not at_home):
            changes[name] = scoped(sent, namespace)
    if isinstance(data, CoverActivated):
        cover = data.cover
        if MARK in cover.cover_id or not at_home:
            own = {"cover_id": scoped(cover.cover_id, namespace)}
            changes["cover"] = type(cover)(**{**vars(cover), **own})
    return type(data)(**{**vars(data), **changes}) if changes else data


@cache
def _own_ids(data_type: type[EventData]) -> tuple[str, ...]:
    return tuple([name for name in OWN_IDS if name in data_type.model_fields])
