"""Whose household a member is of: named at registration, or the subscriber's, and fixed then."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from services.contract.member import CoverActivated, MemberRegistered, Sex
from services.gateway.acceptance.awaiting import Standing
from services.gateway.acceptance.facts import Fact, Group
from services.gateway.acceptance.identities import Named
from services.gateway.acceptance.names import named
from services.gateway.acceptance.persons import Person
from services.gateway.acceptance.problems import Problem


def alone(source: str) -> str:
    """Return the namespace of a sender that shares its ids with nobody."""
    return source


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered member: the household is fixed at first sight; person: as now known.

    namespace: of the sender that registered it, whose ids stand under it as they are.
    same_as: who took its place. stands_for: those whose place it took, with spaces between.
    """

    household: str
    person: Person
    namespace: str
    same_as: str | None = None
    stands_for: str = ""

    @classmethod
    def of_row(cls, household: str, birth_date: str | None, sex: Sex, *more: str) -> "Registered":
        """Return what a row of the table says, behind the member's id."""
        return cls(household, Person(birth_date, sex), *more)


@dataclass(slots=True)
class Known:
    """What the database knows about the ids in hand; accepted groups are added to it.

    fingerprints: by event id. sequences: last number by household. standing: what later facts need.
    households: the namespace that the first member of each is of. namespace_of: of a sender, by the
    source of its facts. identities: who has an identifier, by its key.
    """

    fingerprints: dict[str, str] = field(default_factory=dict)
    members: dict[str, Registered] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    standing: Standing = field(default_factory=Standing)
    identities: dict[str, Named] = field(default_factory=dict)
    households: dict[str, str] = field(default_factory=dict)
    namespace_of: Callable[[str], str] = alone

    def whole(self, member: str) -> str:
        """Return who took a member's place, or the member itself."""
        found = self.members.get(member)
        return member if found is None or found.same_as is None else found.same_as

    def merge(self, member: str, into: str) -> None:
        """Let one member take another's place, and that of all for whom the other stood."""
        gone = [member, *self.members[member].stands_for.split()]
        for each in gone:
            if each in self.members:
                self.members[each] = replace(self.members[each], same_as=into, stands_for="")
        whole = self.members[into]
        stands_for = " ".join([*whole.stands_for.split(), *gone])
        self.members[into] = replace(whole, stands_for=stands_for)

    def home_of(self, member: str) -> str | None:
        """Return the namespace that registered a member under an id; None if nobody did."""
        found = self.members.get(member)
        return None if found is None else found.namespace


def newcomers(group: Group, known: Known, problems: list[Problem]) -> dict[str, Registered]:
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
        } or ({_of_its_own(fact, known)} if not subscribers else set())

    found: dict[str, Registered] = {}
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
        household = min(households, default=member)
        namespace = known.namespace_of(fact.source)
        assert isinstance(fact.data, MemberRegistered)  # chosen above
        found[member] = Registered(household, Person.of(fact.data), namespace)
    return found


def _of_its_own(fact: Fact, known: Known) -> str:
    """Name the household of a member who is alone: as the member, if no other sender does so."""
    namespace = known.namespace_of(fact.source)
    return named(fact.member, namespace, known.households.get(fact.member))


def household_problems(
    fact: Fact, member: Registered, known: Known, fresh: dict[str, Registered]
) -> list[Problem]:
    """Return why a fact cannot belong to its member's household."""
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
    subscriber = known.members.get(fact.subscriber) or fresh.get(fact.subscriber)
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


def unknown_member(fact: Fact, known: Known) -> Problem:
    """Return that a fact is about somebody whom its sender has not registered."""
    member = fact.sent.member
    says, mend = f"Member {member} is not registered", ""
    if member in known.members:
        says += " by this sender; the one that is registered under this id is another sender's"
        mend = " If both senders mean the same people, list them in senders.toml."
    register = "Send the Patient in the same Bundle, or careloop.member.registered.v1 first."
    return Problem("not-found", fact.place, says, register + mend)
