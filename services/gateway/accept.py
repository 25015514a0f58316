"""Deciding what is new, what is known and what cannot be: pure, over what is known so far."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from services.contract.event import Event, EventData
from services.contract.member import CoverActivated, MemberRegistered
from services.gateway.facts import FACT_CHARACTERS_MAX, Fact, Group
from services.gateway.problems import Problem, errors

Status = Literal["accepted", "duplicate", "passed_over"]


@dataclass(frozen=True, slots=True)
class Member:
    """A registered member: the household is fixed at first sight; fingerprint: of the person."""

    household: str
    fingerprint: str


@dataclass(slots=True)
class Known:
    """What the database knows about the ids in hand; accepted groups are added to it.

    fingerprints: by event id. sequences: last number by household.
    """

    fingerprints: dict[str, str] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FactOutcome:
    """What became of one fact of an accepted group."""

    fact: Fact
    status: Status
    fingerprint: str
    note: Problem | None = None


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """What became of a group: refused with problems, or accepted with one outcome per fact.

    events: what is new, numbered. new_members: those first seen here. recorded_at: when.
    """

    problems: tuple[Problem, ...] = ()
    facts: tuple[FactOutcome, ...] = ()
    events: tuple[tuple[Event[EventData], str], ...] = ()
    new_members: tuple[tuple[str, Member], ...] = ()
    recorded_at: datetime | None = None

    @property
    def refused(self) -> bool:
        """Whether nothing of the group was accepted."""
        return bool(errors(self.problems))


def decide(group: Group, known: Known, now: datetime) -> GroupOutcome:
    """Judge one group against what is known, and add it to that if it is accepted.

    Every fact gets the next sequence number of its household. Nothing changes if the group is
    refused; all problems are listed.
    """
    problems = list(group.problems)
    newcomers = _newcomers(group, known, problems)
    outcomes: list[FactOutcome] = []
    fingerprints: dict[str, str] = {}
    strangers: set[str] = set()
    for fact in group.facts:
        member = known.members.get(fact.member) or newcomers.get(fact.member)
        if member is None:
            if fact.member not in group.mentioned and fact.member not in strangers:
                strangers.add(fact.member)
                problems.append(_unknown_member(fact))
            continue
        problems += _household_problems(fact, member, known, newcomers)
        outcomes.append(_judge(fact, member, known, fingerprints, problems))
    if errors(problems):
        return GroupOutcome(problems=tuple(problems), recorded_at=now)
    return _number(tuple(outcomes), tuple(problems), newcomers, known, now)


def _newcomers(group: Group, known: Known, problems: list[Problem]) -> dict[str, Member]:
    """Give each member who is registered here for the first time a household."""
    registered = {
        fact.member: fact
        for fact in reversed(group.facts)
        if isinstance(fact.data, MemberRegistered) and fact.member not in known.members
    }
    if not registered:
        return {}
    policies: dict[str, set[str]] = {}
    for fact in group.facts:
        if fact.subscriber is not None and fact.subscriber != fact.member:
            policies.setdefault(fact.member, set()).add(fact.subscriber)

    def household_of(member: str, seen: frozenset[str]) -> set[str]:
        if member in known.members:
            return {known.members[member].household}
        fact = registered.get(member)
        if fact is None or member in seen:
            return set()
        if fact.household is not None:
            return {fact.household}
        subscribers = sorted(policies.get(member, ()))
        return {
            found
            for subscriber in subscribers
            for found in household_of(subscriber, seen | {member})
        } or ({member} if not subscribers else set())

    found: dict[str, Member] = {}
    for member, fact in registered.items():
        households = household_of(member, frozenset())
        if len(households) > 1:
            problems.append(
                Problem(
                    "business-rule",
                    fact.place,
                    f"The covers of the new member {member} belong to several households:"
                    f" {', '.join(sorted(households))}",
                    "Name one subscriber, or register the member with the `household` attribute.",
                )
            )
        # Without an answer the subscriber is unknown, which is reported at the cover.
        found[member] = Member(min(households, default=member), fact.seal().fingerprint)
    return found


def _household_problems(
    fact: Fact, member: Member, known: Known, newcomers: dict[str, Member]
) -> list[Problem]:
    if fact.household is not None and fact.household != member.household:
        return [
            Problem(
                "conflict",
                fact.place,
                f"Member {fact.member} belongs to household {member.household}, not to"
                f" {fact.household}; a household is fixed when the member is registered",
                "Leave the household out.",
            )
        ]
    if not isinstance(fact.data, CoverActivated) or fact.subscriber is None:
        return []
    subscriber = known.members.get(fact.subscriber) or newcomers.get(fact.subscriber)
    if subscriber is None:
        return [
            Problem(
                "not-found",
                fact.place,
                f"The subscriber {fact.subscriber} is not a registered member",
                "Register the subscriber first, or send the Patient in the same request.",
            )
        ]
    if subscriber.household != member.household:
        return [
            Problem(
                "business-rule",
                fact.place,
                f"This cover would move member {fact.member} from household {member.household}"
                f" to {subscriber.household}, and a household is fixed when the member is"
                " registered",
                "Send the cover without the subscriber; or register family members in one"
                " request with the cover that joins them.",
            )
        ]
    return []


def _judge(
    fact: Fact, member: Member, known: Known, fresh: dict[str, str], problems: list[Problem]
) -> FactOutcome:
    seal = fact.seal()
    fingerprint = seal.fingerprint
    before = fresh.get(fact.id) or known.fingerprints.get(fact.id)
    if isinstance(fact.data, MemberRegistered) and fact.member in known.members:
        before = member.fingerprint
    if before == fingerprint:
        return FactOutcome(fact, "duplicate", fingerprint)
    if before is not None:
        return _contradicts(fact, fingerprint, problems)
    if fact.only_after is not None and not (
        fact.only_after in known.fingerprints or fact.only_after in fresh
    ):
        note = Problem(
            "informational",
            fact.place,
            "Passed over: what it ends was never accepted from this sender",
            severity="information",
        )
        return FactOutcome(fact, "passed_over", fingerprint, note)
    if seal.characters > FACT_CHARACTERS_MAX:
        problems.append(
            Problem(
                "too-long",
                fact.place,
                f"The event has {seal.characters} characters; {FACT_CHARACTERS_MAX} is the most",
                "Split it, for example a bill into several charges.",
            )
        )
    fresh[fact.id] = fingerprint
    return FactOutcome(fact, "accepted", fingerprint)


def _contradicts(fact: Fact, fingerprint: str, problems: list[Problem]) -> FactOutcome:
    if fact.implied:
        note = Problem(
            "informational",
            fact.place,
            f"{fact.data.TYPE} is known with other details, and what is known stands",
            severity="information",
        )
        return FactOutcome(fact, "duplicate", fingerprint, note)
    mend = "Cancel or void what was sent first, then send the right one under a new id."
    if isinstance(fact.data, MemberRegistered):
        mend = "Birth date and sex are fixed at registration; send them as they were."
    problems.append(
        Problem(
            "conflict",
            fact.place,
            f"{fact.data.TYPE} was accepted before under the same id with another content",
            mend,
        )
    )
    return FactOutcome(fact, "duplicate", fingerprint)


def _number(
    outcomes: tuple[FactOutcome, ...],
    notes: tuple[Problem, ...],
    newcomers: dict[str, Member],
    known: Known,
    now: datetime,
) -> GroupOutcome:
    known.members.update(newcomers)
    events = []
    for outcome in outcomes:
        if outcome.status != "accepted":
            continue
        fact = outcome.fact
        household = known.members[fact.member].household
        sequence = known.sequences.get(household, 0) + 1
        known.sequences[household] = sequence
        known.fingerprints[fact.id] = outcome.fingerprint
        event: Event[EventData] = Event(
            id=fact.id,
            source=fact.source,
            subject=fact.member,
            household=household,
            time=fact.time,
            recorded_time=now,
            sequence=sequence,
            data=fact.data,
            correlation_id=fact.correlation_id,
            traceparent=fact.traceparent,
        )
        events.append((event, outcome.fingerprint))
    return GroupOutcome(notes, outcomes, tuple(events), tuple(newcomers.items()), now)


def _unknown_member(fact: Fact) -> Problem:
    return Problem(
        "not-found",
        fact.place,
        f"Member {fact.member} is not registered",
        "Send the Patient in the same Bundle, or careloop.member.registered.v1 first.",
    )
