"""Whether two records may become one: a record is replaced once, by a record that is known."""

from collections.abc import Mapping
from dataclasses import replace

from services.contract.member import MemberMerged
from services.gateway.acceptance.facts import Fact
from services.gateway.acceptance.households import Known, Registered
from services.gateway.acceptance.problems import Problem


def merge_problems(fact: Fact, known: Known, fresh: Mapping[str, Registered]) -> list[Problem]:
    """Return why a merge cannot be."""
    data, sent = fact.data, fact.sent.data
    if not (isinstance(data, MemberMerged) and isinstance(sent, MemberMerged)):
        return []
    if data.into not in known.members and data.into not in fresh:
        says = (
            f"Member {sent.into}, who is to take the place of {fact.sent.member}, is not registered"
        )
        mend = "Send that Patient, too, or register the member first."
        return [Problem("not-found", fact.place, says, mend)]
    if data.into == fact.member:
        says = f"Member {fact.sent.member} would take its own place"
        mend = "Name the other record; if they were merged the other way round, that stands."
        return [Problem("business-rule", fact.place, says, mend)]
    member = known.members.get(fact.member)
    if member is not None and member.same_as not in {None, data.into}:
        says = f"Member {fact.sent.member} was merged into {member.same_as} before"
        mend = "A merge cannot be taken back yet: merge the two that it concerns, if they are one."
        return [Problem("not-supported", fact.place, says, mend)]
    return []


def is_about_a_stranger(fact: Fact) -> bool:
    """Whether a record says by the way that it took the place of another, which may be unknown."""
    return fact.implied and isinstance(fact.data, MemberMerged)


def nothing_to_merge(fact: Fact) -> Problem:
    """Return a warning that the record whose place is taken is not known."""
    says = f"Passed over: {fact.sent.member}, which it replaces, is not registered"
    mend = "If something was sent of it, send that record, too."
    return Problem("not-found", fact.place, says, mend, severity="warning")


def merged_before(fact: Fact, known: Known) -> Problem | None:
    """Return a note if a fact says what a merge has made idle: the same merge, or a registration."""
    member = known.members.get(fact.member)
    if member is None or member.same_as is None:
        return None
    says = f"Member {fact.sent.member} was merged into {member.same_as}: what is said of it counts there"
    return Problem("informational", fact.place, says, severity="information")


def sealed_under_another_name(fact: Fact, known: Known, fingerprint: str) -> bool:
    """Whether a fact was accepted about one record of a person, and comes again about another."""
    member = known.members.get(fact.member)
    if member is None or not member.stands_for:
        return False
    names = [fact.member, *member.stands_for.split()]
    mark = f"#{known.namespace_of(fact.source)}"
    sent = {name for each in names for name in (each, each.removesuffix(mark))}
    return any(replace(fact.sent, member=name).seal().fingerprint == fingerprint for name in sent)
