"""What is known of ids, members and households: read before a judgement, kept after it."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, update

from services.contract.member import CoverActivated, MemberRegistered
from services.gateway.acceptance import awaiting_store
from services.gateway.acceptance.decide import GroupOutcome
from services.gateway.acceptance.facts import Submission
from services.gateway.acceptance.households import Known, Registered
from services.gateway.acceptance.tables import HOUSEHOLD, INBOX, MEMBER
from services.runtime.sql import Lookup, Write

_ADD_MEMBER: Final = Write(insert(MEMBER))
_ADD_INBOX: Final = Write(insert(INBOX))
_ADD_HOUSEHOLD: Final = Write(insert(HOUSEHOLD))
_MOVE_HOUSEHOLD: Final = Write(
    update(HOUSEHOLD)
    .where(HOUSEHOLD.c.household_id == bindparam("household"))
    .values(last_sequence=bindparam("last"))
)
_INBOX_BY_ID: Final = Lookup(select(INBOX), INBOX.c.event_id)
_MEMBER_BY_ID: Final = Lookup(select(MEMBER), MEMBER.c.member_id)
_HOUSEHOLD_BY_ID: Final = Lookup(
    select(HOUSEHOLD).order_by(HOUSEHOLD.c.household_id).with_for_update(),
    HOUSEHOLD.c.household_id,
)


def load(connection: Connection, submissions: Sequence[Submission]) -> Known:
    """Return what is known of all that some submissions name."""
    facts = [
        fact for submission in submissions for group in submission.groups for fact in group.facts
    ]
    known = Known()
    for event_id, fingerprint in _INBOX_BY_ID.rows(connection, {fact.id for fact in facts}):
        known.fingerprints[event_id] = fingerprint
    members = {fact.member for fact in facts}
    members |= {
        fact.subscriber
        for fact in facts
        if fact.subscriber is not None and isinstance(fact.data, CoverActivated)
    }
    for member_id, household, fingerprint in _MEMBER_BY_ID.rows(connection, members):
        known.members[member_id] = Registered(household, fingerprint)
    households = {member.household for member in known.members.values()}
    for fact in facts:
        if isinstance(fact.data, MemberRegistered):
            # A new household is named by the sender, or after its first member.
            households |= {fact.household or fact.member, fact.member}
    known.sequences.update(
        (household, last) for household, last in _HOUSEHOLD_BY_ID.rows(connection, households)
    )
    known.standing = awaiting_store.load(connection, facts)
    return known


def keep(connection: Connection, outcomes: Sequence[GroupOutcome]) -> int:
    """Keep new members and the ids of what was accepted; return how many members are new."""
    members = [
        (name, member.household, member.fingerprint)
        for outcome in outcomes
        for name, member in outcome.new_members
    ]
    events = [event for outcome in outcomes for event in outcome.events]
    _ADD_MEMBER.run(connection, *members)
    _ADD_INBOX.run(connection, *((event.id, fingerprint) for event, fingerprint in events))
    return len(members)


def keep_numbers(connection: Connection, before: dict[str, int], after: dict[str, int]) -> None:
    """Keep the last number of each household that has got a new one."""
    fresh = [(household, last) for household, last in after.items() if household not in before]
    moved = [
        (last, household)
        for household, last in after.items()
        if household in before and before[household] != last
    ]
    _ADD_HOUSEHOLD.run(connection, *fresh)
    _MOVE_HOUSEHOLD.run(connection, *moved)


def is_member(connection: Connection, member_id: str) -> bool:
    """Whether somebody is registered under an id."""
    return bool(_MEMBER_BY_ID.rows(connection, [member_id]))
