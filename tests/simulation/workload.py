"""Facts of a few households, from a seed: visits and corrections, covers, readings, strokes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from random import Random
from typing import Any

from services.contract.clinical import (
    Component,
    ConditionRecorded,
    ObservationRecorded,
    ProcedurePerformed,
    SessionAttended,
    SessionMissed,
)
from services.contract.event import EventData
from services.contract.member import CoverActivated, CoverEnded, CoverTerms, MemberRegistered
from services.contract.visit import (
    BillLine,
    ChargePosted,
    ChargeVoided,
    Code,
    Provider,
    VisitAdmitted,
    VisitCancelled,
    VisitDischarged,
    VisitRegistered,
)
from services.gateway.acceptance.facts import Fact

START = datetime(2024, 1, 1, 8, tzinfo=UTC)
HOSPITALS = ("/hospital-a", "/hospital-b")
INSURERS = ("fund", "insurer-a", "insurer-b")
OFFSETS_H = (0, 8, -5)
OVERTAKEN_SHARE = 0.3
"""Of the withdrawals, those that come before what they withdraw, or might."""
NETWORKS: Any = ("owned", "strategic", "alliance", "out")
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
PRODUCTS = {
    "basic-medical": ("fund",),
    "million-yuan-medical": ("insurer-a", "insurer-b"),
    "rehabilitation-cover": ("insurer-a",),
}


@dataclass(frozen=True)
class Told:
    """A fact about a member, and whether the rules must refuse it whenever it comes."""

    member: str
    time: datetime
    data: EventData
    impossible: bool = False


Story = list[Told]


def households(rng: Random, count: int) -> dict[str, list[Fact]]:
    """Return by household the facts that hospitals send, in the order in which they send them.

    Two hospitals number their people, visits and bills alike, and mean different ones.
    """
    return {
        f"home-{number}": _household(rng, f"home-{number // 2}", HOSPITALS[number % 2])
        for number in range(count)
    }


def _household(rng: Random, home: str, hospital: str) -> list[Fact]:
    members = [f"{home}-m{number}" for number in range(rng.randint(1, 3))]
    told: Story = []
    stories: list[Story] = []
    for member in members:
        told.append(Told(member, START, _person(rng)))
        stories.append(_covers(rng, member))
        # Some members' history is years old and reaches us late.
        first = START - timedelta(days=rng.choice([0, 0, 0, 400, 3_000]))
        stories += [
            _visit(rng, member, number, first + timedelta(days=rng.uniform(0, 500)))
            for number in range(rng.randint(1, 5))
        ]
        if rng.random() < 0.7:
            stories.append(_readings(rng, member, first))
        if rng.random() < 0.5:
            stories.append(_stroke(rng, member, first + timedelta(days=rng.uniform(0, 300))))
    told += _mixed(rng, stories)
    zone = timezone(timedelta(hours=rng.choice(OFFSETS_H)))
    return [_fact(hospital, home, number, each, zone) for number, each in enumerate(told)]


def _fact(hospital: str, home: str, number: int, told: Told, zone: timezone) -> Fact:
    registers = isinstance(told.data, MemberRegistered)
    return Fact(
        id=f"{hospital[1:]}-{home}-{number}",
        source=hospital,
        member=told.member,
        time=told.time.astimezone(zone),
        data=told.data,
        place="impossible" if told.impossible else "data",
        household=home if registers else None,
    )


def _mixed(rng: Random, stories: list[Story]) -> Iterator[Told]:
    """Shuffle stories into one another; each keeps its own order."""
    turns = [index for index, story in enumerate(stories) for _ in story]
    rng.shuffle(turns)
    iterators = [iter(story) for story in stories]
    for index in turns:
        yield next(iterators[index])


def _person(rng: Random) -> MemberRegistered:
    born = date(2023 - rng.randint(10, 90), rng.randint(1, 12), rng.randint(1, 28))
    return MemberRegistered(birth_date=str(born), sex=rng.choice(["male", "female"]))


def _covers(rng: Random, member: str) -> Story:
    told: Story = []
    for product in rng.sample(sorted(PRODUCTS), rng.randint(0, 3)):
        first = START.date() - timedelta(days=rng.randint(-100, 900))
        ends = rng.random() < 0.3
        terms = CoverTerms(
            cover_id=f"{member}-{product}",
            product=product,
            insurer=rng.choice(PRODUCTS[product]),
            valid_from=first,
            valid_to=first + timedelta(days=rng.randint(100, 900)) if ends else None,
        )
        told.append(Told(member, START, CoverActivated(cover=terms)))
        if rng.random() < 0.3:
            last = first + timedelta(days=rng.randint(50, 700))
            ended = CoverEnded(cover_id=terms.cover_id, last_day=last, reason="moved away")
            told.append(Told(member, START + timedelta(days=30), ended))
            if rng.random() < OVERTAKEN_SHARE:
                told[-2:] = reversed(told[-2:])
    if rng.random() < 0.1:
        unknown = CoverEnded(cover_id=f"{member}-none", last_day=START.date(), reason="unknown")
        told.append(Told(member, START, unknown))
    return told


def _overtaken(rng: Random, story: Story) -> Story:
    """Let some withdrawals come before what they withdraw, wherever in the story that is.

    One that is repeated stays: should the first wait in vain, the second would hold.
    """
    if any(told.impossible and _withdraws(told.data) for told in story):
        return story
    for told in [told for told in story if _withdraws(told.data)]:
        if rng.random() < OVERTAKEN_SHARE:
            place = story.index(told)
            story.insert(rng.randint(0, place), story.pop(place))
    return story


def _withdraws(data: EventData) -> bool:
    return isinstance(data, ChargeVoided | VisitCancelled)


def _charge(rng: Random, visit: str, number: int) -> ChargePosted:
    sizes = [(100, 50_000), (100, 50_000), (50_000, 3_000_000), (20_000_000, 300_000_000)]
    amount = rng.randint(*rng.choice(sizes))
    reduction = rng.randint(0, 50)
    lines = (
        BillLine(code=None, text="care", amount=amount + reduction),
        BillLine(code=None, text="reduction", amount=-reduction),
    )
    return ChargePosted(
        charge_id=f"{visit}-c{number}",
        visit_id=visit,
        category="institutional",
        currency="CNY",
        amount=amount,
        lines=lines,
    )


def _visit(rng: Random, member: str, number: int, began: datetime) -> Story:
    visit = f"{member}-v{number}"
    provider = Provider(id=f"hospital-{rng.randint(1, 3)}", network=rng.choice(NETWORKS))
    kind: Any = rng.choice(["ambulatory", "inpatient", "emergency"])
    ended = began + timedelta(days=rng.uniform(0.1, 9))
    told = [
        Told(member, began, VisitRegistered(visit_id=visit, visit_class=kind, provider=provider))
    ]
    if kind == "inpatient":
        told.append(Told(member, began, VisitAdmitted(visit_id=visit, provider=provider)))
    charges = [_charge(rng, visit, index) for index in range(rng.randint(0, 4))]
    discharged = VisitDischarged(visit_id=visit, visit_class=kind, provider=provider)
    rest = [Told(member, began, charge) for charge in charges]
    rest.insert(rng.randint(0, len(rest)), Told(member, ended, discharged))
    told += rest
    if rng.random() < 0.3:
        procedure = ProcedurePerformed(
            procedure_id=f"{visit}-p", codes=(Code(system=SNOMED, code="1"),), visit_id=visit
        )
        told.append(Told(member, began, procedure))
    told += _corrections(rng, member, visit, charges, ended, discharged)
    if rng.random() < 0.1:
        again = VisitRegistered(visit_id=visit, visit_class=kind, provider=provider)
        told.append(Told(member, began, again, impossible=True))
    return _overtaken(rng, told)


def _corrections(
    rng: Random,
    member: str,
    visit: str,
    charges: list[ChargePosted],
    ended: datetime,
    discharged: VisitDischarged,
) -> Iterable[Told]:
    later = ended + timedelta(days=rng.uniform(0, 40))
    chance = rng.random()
    if chance < 0.25 and charges:
        void = ChargeVoided(
            charge_id=rng.choice(charges).charge_id, visit_id=visit, reason="typing error"
        )
        yield Told(member, later, void)
        if chance < 0.08:
            yield Told(member, later + timedelta(hours=1), void, impossible=True)
    elif chance < 0.45:
        undo = VisitCancelled(visit_id=visit, cancels="discharge", reason="not yet")
        yield Told(member, later, undo)
        if chance < 0.4:
            yield Told(member, later + timedelta(hours=5), discharged)
    elif chance < 0.55:
        undo = VisitCancelled(visit_id=visit, cancels="visit", reason="another person")
        yield Told(member, later, undo)
        yield Told(member, later + timedelta(hours=1), _charge(rng, visit, 9), impossible=True)
    elif chance < 0.65:
        yield Told(member, later, _charge(rng, visit, 8))


def _readings(rng: Random, member: str, first: datetime) -> Story:
    when, told = first, []
    for number in range(rng.randint(2, 8)):
        when += timedelta(days=rng.choice([1, 7, 30, 90, 200]))
        systolic = rng.randint(105, 195)
        told.append(
            Told(member, when, pressure(f"{member}-bp{number}", systolic, rng.randint(60, 100)))
        )
    if rng.random() < 0.2:
        told.append(Told(member, when, pressure(f"{member}-bad", 80, 120), impossible=True))
    return told


def pressure(name: str, systolic: int, diastolic: int) -> ObservationRecorded:
    parts = (("8480-6", systolic), ("8462-4", diastolic))
    return ObservationRecorded(
        observation_id=name,
        codes=(Code(system=LOINC, code="85354-9"),),
        value=None,
        unit=None,
        text=None,
        components=tuple(
            Component(codes=(Code(system=LOINC, code=code),), value=float(value), unit="mm[Hg]")
            for code, value in parts
        ),
        visit_id=None,
    )


def _stroke(rng: Random, member: str, began: datetime) -> Story:
    visit = f"{member}-stroke"
    provider = Provider(id="hospital-1", network=rng.choice(NETWORKS))
    home = began + timedelta(days=10)
    stroke = ConditionRecorded(
        condition_id=f"{visit}-dx",
        codes=(Code(system=SNOMED, code="230690007"),),
        status="active",
        visit_id=visit,
    )
    told: Story = [
        Told(member, began, VisitAdmitted(visit_id=visit, provider=provider)),
        Told(member, began, stroke),
        Told(member, began, _charge(rng, visit, 1)),
        Told(
            member,
            home,
            VisitDischarged(visit_id=visit, visit_class="inpatient", provider=provider),
        ),
    ]
    when, score = home, rng.randrange(20, 60, 5)
    for number in range(rng.randint(0, 6)):
        when += timedelta(days=rng.choice([3, 15, 30, 60]))
        score = max(0, min(100, score + rng.choice([-15, 0, 5, 10, 20])))
        told.append(Told(member, when, _barthel(f"{visit}-b{number}", score)))
        told.append(Told(member, when, _session(rng, f"{visit}-s{number}", provider)))
    return told


def _barthel(name: str, score: int) -> ObservationRecorded:
    return ObservationRecorded(
        observation_id=name,
        codes=(Code(system=LOINC, code="96761-2"),),
        value=float(score),
        unit=None,
        text=None,
        components=(),
        visit_id=None,
    )


def _session(rng: Random, name: str, provider: Provider) -> EventData:
    mode: Any = rng.choice(["outpatient", "home", "remote"])
    if rng.random() < 0.2:
        return SessionMissed(session_id=name, mode=mode, reason="ill")
    return SessionAttended(
        session_id=name, mode=mode, provider=provider, currency="CNY", price=rng.randint(0, 60_000)
    )
