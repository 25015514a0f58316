"""Deciding what is new, what is known and what cannot be: pure, over what is known so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from services.contract.codec import instant_text
from services.contract.event import Event, EventData
from services.contract.ids import stable_id
from services.contract.member import MemberMerged, MemberRegistered
from services.contract.visit import VisitPlanned
from services.gateway.acceptance.awaiting import Standing, waiting_note
from services.gateway.acceptance.facts import FACT_CHARACTERS_MAX, Fact, Group
from services.gateway.acceptance.households import (
    Known,
    Registered,
    household_problems,
    newcomers,
    unknown_member,
)
from services.gateway.acceptance.identities import Named, identity_problems, learnt
from services.gateway.acceptance.merges import (
    is_about_a_stranger,
    merge_problems,
    merged_before,
    nothing_to_merge,
    sealed_under_another_name,
)
from services.gateway.acceptance.persons import Person, now_known, update_note
from services.gateway.acceptance.problems import Problem, errors
from services.gateway.acceptance.scope import in_careloops_ids

Status = Literal["accepted", "duplicate"]


@dataclass(frozen=True, slots=True)
class FactOutcome:
    """What became of one fact of an accepted group.

    notes: what its sender should know of it. bills: it changes what is billed, or may.
    """

    fact: Fact
    status: Status
    fingerprint: str
    notes: tuple[Problem, ...] = ()
    bills: bool = False


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """What became of a group: refused with problems, or accepted with one outcome per fact.

    events: what is new, numbered. new_members: those first seen here. restated: ids under which
    something else is said from now on, with its fingerprint. heard: ids under which was said what
    another sender had told already. persons: members of whom more is known. identities: what is new
    of who has an identifier, by its key. recorded_at: when.
    """

    problems: tuple[Problem, ...] = ()
    facts: tuple[FactOutcome, ...] = ()
    events: tuple[tuple[Event[EventData], str], ...] = ()
    new_members: tuple[tuple[str, Registered], ...] = ()
    restated: tuple[tuple[str, str], ...] = ()
    heard: tuple[tuple[str, str], ...] = ()
    persons: tuple[tuple[str, Person], ...] = ()
    recorded_at: datetime | None = None
    identities: Mapping[str, Named] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether nothing of the group was accepted."""
        return bool(errors(self.problems))


def decide(group: Group, known: Known, now: datetime) -> GroupOutcome:
    """Judge one group against what is known, and add it to that if it is accepted.

    Every fact is put into Careloop's ids, and gets the next sequence number of its household.
    Nothing changes if the group is refused; all problems are listed.
    """
    facts = [in_careloops_ids(fact, known) for fact in group.facts]
    group = replace(group, facts=tuple(facts))
    problems = [*group.problems, *_identity_problems(group, known)]
    fresh = newcomers(group, known, problems)
    outcomes: list[FactOutcome] = []
    fingerprints: dict[str, str] = {}
    strangers: set[str] = set()
    for fact in group.facts:
        member = known.members.get(fact.member) or fresh.get(fact.member)
        if member is None and is_about_a_stranger(fact):
            outcomes.append(FactOutcome(fact, "duplicate", "", (nothing_to_merge(fact),)))
            continue
        if member is None:
            if fact.sent.member not in group.mentioned and fact.member not in strangers:
                strangers.add(fact.member)
                problems.append(unknown_member(fact, known))
            continue
        problems += household_problems(fact, member, known, fresh)
        problems += merge_problems(fact, known, fresh)
        outcomes.append(_judge(fact, member, known, fingerprints, problems))
    if errors(problems):
        return GroupOutcome(problems=tuple(problems), recorded_at=now)
    accepted = _number(tuple(outcomes), tuple(problems), fresh, known, now)
    return replace(accepted, identities=_learn(group, known)) if group.identities else accepted


def _identity_problems(group: Group, known: Known) -> list[Problem]:
    if not group.identities:
        return []
    namespace = known.namespace_of(group.identities[0].source)
    return identity_problems(group.identities, known.identities, namespace)


def _learn(group: Group, known: Known) -> Mapping[str, Named]:
    namespace = known.namespace_of(group.identities[0].source)
    new = learnt(group.identities, known.identities, namespace)
    known.identities.update(new)
    return new


def _judge(
    fact: Fact, member: Registered, known: Known, fresh: dict[str, str], problems: list[Problem]
) -> FactOutcome:
    seal = fact.seal()
    fingerprint = seal.fingerprint
    before = fresh.get(fact.id) or known.fingerprints.get(fact.id)
    stands = _stands_under(fact)
    if before == fingerprint:
        return FactOutcome(fact, "duplicate", fingerprint, stands)
    if fact.exists:
        return FactOutcome(fact, "duplicate", fingerprint, stands)
    idle = merged_before(fact, known)
    if idle is not None:
        return FactOutcome(fact, "duplicate", fingerprint, (idle,))
    if before is not None and sealed_under_another_name(fact, known, before):
        return FactOutcome(fact, "duplicate", fingerprint)
    if before is not None and (fact.id in fresh or not fact.restated):
        return _contradicts(fact, fingerprint, problems)
    learnt_now: tuple[Problem, ...] = ()
    if isinstance(fact.data, MemberRegistered) and fact.member in known.members:
        now = now_known(member.person, Person.of(fact.data))
        if now == member.person or fact.implied:
            return FactOutcome(fact, "duplicate", fingerprint)
        learnt_now = (update_note(fact, member.person, now),)
        fact = replace(fact, data=now.data)
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
    problems += errors(fact.doubts)
    return FactOutcome(fact, "accepted", fingerprint, (*stands, *learnt_now, *fact.doubts))


def _stands_under(fact: Fact) -> tuple[Problem, ...]:
    """Say that a member stands under another id than the sender's own, which somebody else uses."""
    sent = fact.sent.member
    if sent == fact.member or not isinstance(fact.data, MemberRegistered):
        return ()
    says = f"Another sender uses the id {sent}: this member stands under {fact.member}"
    return (Problem("informational", fact.place, says, severity="information"),)


def _contradicts(fact: Fact, fingerprint: str, problems: list[Problem]) -> FactOutcome:
    if fact.implied:
        note = Problem(
            "informational",
            fact.place,
            f"{fact.data.TYPE} is known with other details, and what is known stands",
            severity="information",
        )
        return FactOutcome(fact, "duplicate", fingerprint, (note,))
    mend = "Cancel or void what was sent first, then send the right one under a new id."
    if isinstance(fact.data, MemberRegistered | VisitPlanned):
        mend = "Send what is known now as an event with an id of its own."
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
    fresh: dict[str, Registered],
    known: Known,
    now: datetime,
) -> GroupOutcome:
    known.members.update(fresh)
    events, restated, heard, persons = [], [], [], []
    for outcome in outcomes:
        fact = outcome.fact
        if outcome.status != "accepted":
            if isinstance(fact.data, MemberRegistered) and fact.id not in known.fingerprints:
                heard.append((fact.id, outcome.fingerprint))
                known.fingerprints[fact.id] = outcome.fingerprint
            continue
        member = known.members[fact.member]
        if isinstance(fact.data, MemberRegistered) and Person.of(fact.data) != member.person:
            member = replace(member, person=Person.of(fact.data))
            known.members[fact.member] = member
            persons.append((fact.member, member.person))
        household = member.household
        known.households.setdefault(household, member.namespace)
        sequence = known.sequences.get(household, 0) + 1
        known.sequences[household] = sequence
        event_id = fact.id
        if fact.id in known.fingerprints:  # said before, and restated
            event_id = stable_id(fact.id, str(sequence))
            restated.append((fact.id, outcome.fingerprint))
        known.fingerprints[fact.id] = outcome.fingerprint
        event: Event[EventData] = Event(
            id=event_id,
            source=fact.source,
            subject=fact.member,
            household=household,
            time=fact.time,
            recorded_time=now,
            sequence=sequence,
            data=fact.data,
            correlation_id=fact.correlation_id,
            causation_id=fact.cause,
            traceparent=fact.traceparent,
        )
        if isinstance(fact.data, MemberMerged):
            known.merge(fact.member, fact.data.into)
        events.append((event, outcome.fingerprint))
    return GroupOutcome(
        problems=notes,
        facts=_noted(outcomes, known.standing, now),
        events=tuple(events),
        new_members=tuple(fresh.items()),
        restated=tuple(restated),
        heard=tuple(heard),
        persons=tuple(persons),
        recorded_at=now,
    )


def _noted(
    outcomes: tuple[FactOutcome, ...], standing: Standing, now: datetime
) -> tuple[FactOutcome, ...]:
    """Take what was accepted into account, and say of each fact what it waits for, if it does."""
    new = [outcome.fact for outcome in outcomes if outcome.status == "accepted"]
    bills = {fact.id for fact in new if standing.accept(fact, instant_text(now))}
    told = {fact.id: note for fact in new if (note := waiting_note(fact, standing)) is not None}

    def noted(outcome: FactOutcome) -> FactOutcome:
        if outcome.status != "accepted":
            return outcome
        name = outcome.fact.id
        notes = (*outcome.notes, told[name]) if name in told else outcome.notes
        return replace(outcome, notes=notes, bills=name in bills)

    return tuple(map(noted, outcomes))
