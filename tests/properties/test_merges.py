"""Two records of one person become one at any moment: nothing is lost, nothing is paid twice."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.codec import decode, encode
from services.contract.event import Event, EventData
from services.contract.member import CoverActivated, CoverTerms, MemberMerged, MemberRegistered
from services.contract.payment import DirectPayDecided, PaymentReversed
from services.contract.topics import DEAD_LETTERS, HEALTH_EVENTS, PAYMENT_EVENTS
from services.contract.visit import (
    BillLine,
    ChargePosted,
    ChargeVoided,
    Provider,
    VisitDischarged,
    VisitRegistered,
)
from services.gateway.acceptance.decide import GroupOutcome, decide
from services.gateway.acceptance.facts import Fact, Group
from services.gateway.acceptance.households import Known
from services.gateway.doors.senders import load_senders
from services.gateway.merging import to_move
from services.management.app import STAGE as MANAGEMENT
from services.rehabilitation.app import STAGE as REHABILITATION
from services.runtime.inprocess import InProcess
from services.runtime.log_writer import partition_of
from services.screening.app import STAGE as SCREENING
from services.settlement.app import STAGE as SETTLEMENT
from services.treatment.app import STAGE as TREATMENT

INDEX = "urn:careloop:index"
ALL = (SCREENING, MANAGEMENT, TREATMENT, REHABILITATION, SETTLEMENT)
PARTITIONS = 3
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DEDUCTIBLE = 10_000_00
HOSPITAL = Provider(id="hospital-owned-1", network="owned")
TERMS = {"product": "million-yuan-medical", "insurer": "insurer-example"}


@dataclass
class World:
    """A gateway's judgement, and every stage, on logs in memory."""

    known: Known = field(default_factory=lambda: Known(namespace_of=load_senders().namespace))
    running: InProcess = field(default_factory=lambda: InProcess(ALL, PARTITIONS))
    billed: dict[str, int] = field(default_factory=dict)

    def say(
        self, source: str, name: str, member: str, data: EventData, **more: Any
    ) -> GroupOutcome:
        fact = Fact(f"{source}/{name}", source, member, START, data, "", **more)
        return self.accept((fact,))

    def accept(self, facts: tuple[Fact, ...]) -> GroupOutcome:
        outcome = decide(Group(facts), self.known, START)
        assert not outcome.refused, outcome.problems
        for event, _ in outcome.events:
            partition = partition_of(event.household.encode(), PARTITIONS)
            self.running.log.append(HEALTH_EVENTS, partition, encode(event))
        return outcome

    def visit(self, source: str, member: str, visit: str, billed: int) -> None:
        line = BillLine(code=None, text="care", amount=billed)
        for name, data in (
            ("begun", VisitRegistered(visit_id=visit, visit_class="emergency", provider=HOSPITAL)),
            ("bill", ChargePosted(charge_id=visit, visit_id=visit, category="institutional",
                                  currency="CNY", amount=billed, lines=(line,))),
            ("over", VisitDischarged(visit_id=visit, visit_class="emergency", provider=HOSPITAL)),
        ):  # fmt: skip
            self.say(source, f"{visit}-{name}", member, data)
        self.billed[source + visit] = billed

    def move(self, member: str) -> None:
        """Do what the gateway does behind the door, when treatment has let a member go."""
        whole = self.known.members[self.known.whole(member)]
        gone = self.known.members[member]
        said: list[Event[Any]] = []
        partition = partition_of(gone.household.encode(), PARTITIONS)
        for row in self.running.log.rows(HEALTH_EVENTS, partition):
            event = decode(row.record)
            if event.subject != member:
                continue
            if event.type == "careloop.member.released.v1":
                homes = (gone.namespace, whole.namespace)
                facts = to_move(said, event, self.known.whole(member), homes)
                self.accept(tuple(facts))
                return
            if not event.source.startswith("/careloop/"):
                said.append(event)
        raise AssertionError("it was not let go")

    def in_force(self) -> dict[tuple[str, str], DirectPayDecided]:
        """Return the decisions that nothing has undone, by member and visit."""
        found: dict[str, tuple[tuple[str, str], DirectPayDecided]] = {}
        for event in self.running.events(PAYMENT_EVENTS):
            if isinstance(event.data, DirectPayDecided):
                found[event.data.request_id] = (event.subject, event.data.episode), event.data
            elif isinstance(event.data, PaymentReversed):
                del found[event.data.request_id]
        by_visit = dict(found.values())
        assert len(by_visit) == len(found), "a visit has two decisions in force"
        return by_visit


VISITS = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 15_000_00), st.booleans()),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(
    before=VISITS,
    after=VISITS,
    same_sender=st.booleans(),
    same_household=st.booleans(),
    both_covered=st.booleans(),
    again=st.booleans(),
)
def test_two_records_become_one_person_with_one_deductible(
    before: list[tuple[str, int, bool]],
    after: list[tuple[str, int, bool]],
    *,
    same_sender: bool,
    same_household: bool,
    both_covered: bool,
    again: bool,
) -> None:
    world = World()
    sources = {"a": "urn:a", "b": "urn:a" if same_sender else "urn:b"}
    person = MemberRegistered(birth_date="1971-05-04", sex="female")
    household = "home" if same_household and same_sender else None
    for name, source in sources.items():
        world.say(source, f"{name}-person", name, person, household=household)
    for name in ("a", "b") if both_covered else ("a",):
        terms = CoverTerms(
            cover_id=f"{name}-cover", valid_from=date(2024, 1, 1), valid_to=None, **TERMS
        )
        world.say(sources[name], f"{name}-cover", name, CoverActivated(cover=terms))
    # Two senders number their visits alike; one does not.
    numbers = {"a": count(), "b": count(100 if same_sender else 0)}
    visits = [(name, f"v{next(numbers[name])}", billed, runs) for name, billed, runs in before]
    for name, visit, billed, runs in visits:
        world.visit(sources[name], name, visit, billed)
        if runs:
            world.running.run()

    # One sender merges its own records; an index of patients those of two.
    merge = world.say(sources["b"] if same_sender else INDEX, "merge", "b", MemberMerged(into="a"))
    assert [event.subject for event, _ in merge.events] == ["b"]
    world.running.run()
    world.move("b")
    for number, (name, billed, runs) in enumerate(after):
        world.visit(sources[name], name, f"w{number}", billed)
        if runs:
            world.running.run()
    if again:
        said = len(world.running.events())
        for name, visit, billed, _ in visits:
            world.visit(sources[name], "a" if same_sender else name, visit, billed)
        assert len(world.running.events()) == said
    world.running.run()

    decided = world.in_force()
    total = sum(world.billed.values())
    paid = sum(each.parts.insurer for each in decided.values())
    assert {member for member, _ in decided} <= {"a"}
    assert sum(each.billed for each in decided.values()) == total
    assert len(decided) == len(world.billed)
    assert paid == max(0, total - DEDUCTIBLE)
    assert list(world.running.log.all_rows(DEAD_LETTERS)) == []


def test_a_bill_of_the_merged_record_is_voided_where_it_stands_now() -> None:
    world = World()
    person = MemberRegistered(birth_date="1971-05-04", sex="female")
    for name in ("a", "b"):
        world.say("urn:a", f"{name}-person", name, person)
    world.visit("urn:a", "b", "v1", 5_000_00)
    world.running.run()
    world.say("urn:a", "merge", "b", MemberMerged(into="a"))
    world.running.run()
    world.move("b")
    world.running.run()

    assert set(world.in_force()) == {("a", "v1")}
    void = ChargeVoided(charge_id="v1", visit_id="v1", reason="typing error")
    world.say("urn:a", "void", "b", void)
    world.running.run()

    assert world.in_force() == {}
    assert list(world.running.log.all_rows(DEAD_LETTERS)) == []


def test_whoever_was_merged_before_goes_along() -> None:
    world = World()
    person = MemberRegistered(birth_date="1971-05-04", sex="female")
    for name in ("a", "b", "c"):
        world.say("urn:a", f"{name}-person", name, person)
        world.visit("urn:a", name, f"v-{name}", 5_000_00)
    world.say("urn:a", "merge-1", "c", MemberMerged(into="b"))
    world.say("urn:a", "merge-2", "b", MemberMerged(into="a"))
    world.running.run()
    world.move("b")
    world.move("c")
    world.visit("urn:a", "c", "w", 1_00)
    world.running.run()

    assert set(world.in_force()) == {("a", "v-a"), ("a", "v-b"), ("a", "v-c"), ("a", "w")}
