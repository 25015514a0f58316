"""Many senders with colliding ids, in any interleaving: nobody's facts land on another's member."""

from collections import defaultdict
from datetime import UTC, datetime
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.clinical import ConditionRecorded
from services.contract.member import CoverActivated, CoverTerms, MemberRegistered
from services.contract.visit import Code
from services.gateway.acceptance.decide import decide
from services.gateway.acceptance.facts import Fact, Group
from services.gateway.acceptance.households import Known
from services.gateway.doors.senders import Exchange, Senders

AT = datetime(2026, 3, 1, tzinfo=UTC)
SENDERS = Senders((Exchange(namespace="city", sources=("urn:1", "urn:2")),))
SOURCES = ("urn:1", "urn:2", "urn:a", "urn:b", "city", "1", "a#b")
IDS = ("1", "2", "1#urn:b", "1#1", "urn:a")
NUMBERS = count()


def said(source: str, member: str, household: str | None, visit: str, *, first: bool) -> Fact:
    """A registration, or a finding whose code tells whose it is: the namespace and its own ids."""
    number = f"{source}-{next(NUMBERS)}"
    if first:
        data = MemberRegistered(birth_date=None, sex="unknown")
        return Fact(number, source, member, AT, data, "", household=household)
    whose = Code(system=SENDERS.namespace(source), code=member, display=visit)
    finding = ConditionRecorded(condition_id="1", codes=(whose,), status="active", visit_id=visit)
    return Fact(number, source, member, AT, finding, "")


FACTS = st.lists(
    st.builds(
        said,
        st.sampled_from(SOURCES),
        st.sampled_from(IDS),
        st.none() | st.sampled_from(IDS),
        st.sampled_from(IDS),
        first=st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=500)
@given(FACTS)
def test_nobodys_facts_land_on_anothers_member(facts: list[Fact]) -> None:
    known = Known(namespace_of=SENDERS.namespace)

    outcomes = [decide(Group((fact,)), known, AT) for fact in facts]

    owner_of_member: dict[str, set[tuple[str, str]]] = defaultdict(set)
    member_of: dict[tuple[str, str], set[str]] = defaultdict(set)
    visits: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    households: dict[str, set[str]] = defaultdict(set)
    for fact, outcome in zip(facts, outcomes, strict=True):
        for event, _ in outcome.events:
            namespace = SENDERS.namespace(fact.source)
            # What a sender was told its `1` stands under, and `1`, are one of its own ids.
            own = fact.member.removesuffix(f"#{namespace}")
            owner_of_member[event.subject].add((namespace, own))
            member_of[namespace, fact.member].add(event.subject)
            households[event.household].add(namespace)
            if isinstance(event.data, ConditionRecorded):
                visits[event.subject, event.data.visit_id or ""].add(
                    (namespace, str(event.data.codes[0].display).removesuffix(f"#{namespace}"))
                )
    assert all(len(owners) == 1 for owners in owner_of_member.values())
    assert all(len(members) == 1 for members in member_of.values())
    assert all(len(whose) == 1 for whose in visits.values())
    assert all(len(whose) == 1 for whose in households.values())


@given(st.sampled_from(SOURCES), st.sampled_from(IDS))
def test_a_cover_of_anothers_sender_is_nobodys(source: str, member: str) -> None:
    known = Known(namespace_of=SENDERS.namespace)
    decide(Group((said("urn:first", member, None, "1", first=True),)), known, AT)
    terms = CoverTerms(cover_id="1", product="p", insurer="i", valid_from=AT.date(), valid_to=None)
    cover = Fact("c", source, member, AT, CoverActivated(cover=terms), "", subscriber=member)

    assert decide(Group((cover,)), known, AT).refused
