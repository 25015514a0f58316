"""What is known of ids, members and households: read before a judgement, kept after it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, true, update

from services.contract.member import CoverActivated, MemberMerged, MemberRegistered
from services.gateway.acceptance import awaiting_store
from services.gateway.acceptance.decide import GroupOutcome
from services.gateway.acceptance.facts import Submission
from services.gateway.acceptance.households import Known, Registered, alone
from services.gateway.acceptance.identities import Named
from services.gateway.acceptance.names import named, scoped
from services.gateway.acceptance.scope import in_careloops_ids
from services.gateway.acceptance.tables import HOUSEHOLD, IDENTITY, INBOX, MEMBER
from services.runtime.sql import Lookup, Write

_ADD_MEMBER: Final = Write(insert(MEMBER))
_ADD_INBOX: Final = Write(insert(INBOX))
_ADD_IDENTITY: Final = Write(insert(IDENTITY))
_SHARE_IDENTITY: Final = Write(
    update(IDENTITY).where(IDENTITY.c.key == bindparam("wanted")).values(several=true())
)
_IDENTITY_BY_KEY: Final = Lookup(select(IDENTITY), IDENTITY.c.key)
_LEARN: Final = Write(
    update(MEMBER)
    .where(MEMBER.c.member_id == bindparam("member"))
    .values(birth_date=bindparam("born"), sex=bindparam("now"))
)
_RESTATE: Final = Write(
    update(INBOX)
    .where(INBOX.c.event_id == bindparam("event"))
    .values(fingerprint=bindparam("stands"))
)
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


def load(
    connection: Connection,
    submissions: Sequence[Submission],
    namespace_of: Callable[[str], str] = alone,
) -> Known:
    """Return what is known of all that some submissions name, in whichever ids it stands."""
    facts = [
        fact for submission in submissions for group in submission.groups for fact in group.facts
    ]
    known = Known(namespace_of=namespace_of)
    for event_id, fingerprint in _INBOX_BY_ID.rows(connection, {fact.id for fact in facts}):
        known.fingerprints[event_id] = fingerprint
    members: set[str] = set()
    households: set[str] = set()
    for fact in facts:
        namespace = namespace_of(fact.source)
        members |= {fact.member, scoped(fact.member, namespace)}
        if fact.subscriber is not None and isinstance(fact.data, CoverActivated):
            members |= {fact.subscriber, scoped(fact.subscriber, namespace)}
        if isinstance(fact.data, MemberMerged):
            members |= {fact.data.into, scoped(fact.data.into, namespace)}
        if isinstance(fact.data, MemberRegistered):
            # A new household is named by the sender, or after its first member.
            for name in {fact.household or fact.member, fact.member}:
                households |= {name, scoped(name, namespace)}
    _load_members(connection, known, members)
    if _load_households(connection, known, households):
        # Now that their households are held: who is who may have changed while we waited for it.
        _load_members(connection, known, members)
        _load_members(connection, known, {known.whole(member) for member in known.members})
        _load_households(connection, known, set())
    known.standing = awaiting_store.load(
        connection, [in_careloops_ids(fact, known) for fact in facts]
    )
    keys = {
        each.identifier.key(namespace_of(each.source))
        for submission in submissions
        for group in submission.groups
        for each in group.identities
    }
    known.identities.update(identities(connection, keys))
    return known


def identities(connection: Connection, keys: Iterable[str]) -> dict[str, Named]:
    """Return who has the identifiers with these keys, as far as anybody has."""
    return {
        key: Named(resource_id, bool(several))
        for key, resource_id, several in _IDENTITY_BY_KEY.rows(connection, keys)
    }


def _load_members(connection: Connection, known: Known, members: Iterable[str]) -> None:
    for member_id, *more in _MEMBER_BY_ID.rows(connection, members):
        known.members[member_id] = Registered.of_row(*more)


def _load_households(connection: Connection, known: Known, households: set[str]) -> bool:
    """Hold households, and those of all members; return whether any of their members was merged."""
    wanted = households | {member.household for member in known.members.values()}
    merged = False
    for household, last, namespace, merges in _HOUSEHOLD_BY_ID.rows(connection, wanted):
        known.sequences[household] = last
        known.households[household] = namespace
        merged = merged or merges > 0
    return merged


def keep(connection: Connection, outcomes: Sequence[GroupOutcome]) -> int:
    """Keep new members, and what is said under each id; return how many members are new."""
    members = [
        (name, member.household, *member.person, member.namespace, None, "")
        for outcome in outcomes
        for name, member in outcome.new_members
    ]
    events = [event for outcome in outcomes for event in outcome.events]
    _ADD_MEMBER.run(connection, *members)
    _ADD_INBOX.run(connection, *((event.id, fingerprint) for event, fingerprint in events))
    _keep_identities(connection, outcomes)
    heard = [each for outcome in outcomes for each in outcome.heard]
    _ADD_INBOX.run(connection, *heard)
    persons = [each for outcome in outcomes for each in outcome.persons]
    _LEARN.run(connection, *((*person, member_id) for member_id, person in persons))
    restated = [each for outcome in outcomes for each in outcome.restated]
    _RESTATE.run(connection, *((fingerprint, event_id) for event_id, fingerprint in restated))
    return len(members)


def _keep_identities(connection: Connection, outcomes: Sequence[GroupOutcome]) -> None:
    found: dict[str, Named] = {}
    for outcome in outcomes:
        found.update(outcome.identities)
    if not found:
        return
    before = identities(connection, found)
    new = [(key, *named) for key, named in found.items() if key not in before]
    _ADD_IDENTITY.run(connection, *new)
    _SHARE_IDENTITY.run(
        connection, *[(key,) for key, each in found.items() if key in before and each.several]
    )


def keep_numbers(connection: Connection, before: dict[str, int], known: Known) -> None:
    """Keep the last number of each household that has got a new one."""
    fresh, moved = [], []
    for household, last in known.sequences.items():
        if household not in before:
            fresh.append((household, last, known.households[household], 0))
        elif before[household] != last:
            moved.append((last, household))
    _ADD_HOUSEHOLD.run(connection, *fresh)
    _MOVE_HOUSEHOLD.run(connection, *moved)


def home_of(connection: Connection, member: str) -> str:
    """Return the namespace of a registered member."""
    home: str = _MEMBER_BY_ID.rows(connection, [member])[0].namespace
    return home


def member_of(connection: Connection, sent: str, namespace: str | None) -> str | None:
    """Return whom an id names: of a sender's own, or without a namespace of Careloop's; or None."""
    wanted = {sent} if namespace is None else {sent, scoped(sent, namespace)}
    homes = {row.member_id: row.namespace for row in _MEMBER_BY_ID.rows(connection, wanted)}
    member = sent if namespace is None else named(sent, namespace, homes.get(sent))
    return member if member in homes else None


def households_of(connection: Connection, members: Iterable[str]) -> set[str]:
    """Return the households of members."""
    return {row.household_id for row in _MEMBER_BY_ID.rows(connection, members)}
