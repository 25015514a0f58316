"""A known log: what each household tells, what it is billed in the end, and how it is delivered."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import orjson

from services.contract.clinical import Component, ObservationRecorded
from services.contract.codec import Record, encode
from services.contract.event import Event, EventData
from services.contract.ids import stable_id
from services.contract.member import CoverActivated, CoverTerms, MemberRegistered
from services.contract.visit import (
    BillLine,
    ChargePosted,
    ChargeVoided,
    Code,
    Provider,
    VisitCancelled,
    VisitDischarged,
    VisitRegistered,
)

SOURCE = "urn:careloop:fault-test"
INSURER = "insurer-1"
CURRENCY = "CNY"
PROVIDERS = (("hospital-owned-1", "owned"), ("hospital-strategic-1", "strategic"), ("far", "out"))


@dataclass(frozen=True, slots=True)
class Said:
    """A fact as its sender states it; sequence: its number within the household."""

    household: str
    sequence: int
    member: str
    time: datetime
    data: EventData

    @property
    def client_id(self) -> str:
        return f"{self.household}/{self.sequence}"

    @property
    def event_id(self) -> str:
        """The id that the gateway gives it, and so does everyone who writes past the gateway."""
        return stable_id(SOURCE, self.client_id)

    def record(self, recorded: datetime) -> Record:
        event = Event(
            id=self.event_id,
            source=SOURCE,
            subject=self.member,
            household=self.household,
            time=self.time,
            recorded_time=recorded,
            sequence=self.sequence,
            data=self.data,
            correlation_id=getattr(self.data, "visit_id", None),
        )
        return encode(event)

    def cloud_event(self) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": self.client_id,
            "source": SOURCE,
            "type": self.data.TYPE,
            "subject": self.member,
            "household": self.household,
            "time": self.time.isoformat(),
            "data": orjson.Fragment(self.data.model_dump_json()),
        }


@dataclass(frozen=True, slots=True)
class Feed:
    """What one run feeds; billed: the sum of all bills in force at its end, in minor units."""

    facts: tuple[Said, ...]
    billed: int


def make_feed(chance: random.Random, run: str, households: int, began: datetime) -> Feed:
    """Return the facts of some fresh households, interleaved; each household in its own order."""
    told = [_Household(chance, f"{run}-h{number}", began) for number in range(households)]
    for household in told:
        household.live()
    facts = tuple(_interleaved(chance, [household.said for household in told]))
    return Feed(facts, sum(household.billed for household in told))


class _Household:
    """Two members, covers, visits with late, voided and cancelled bills, measurements."""

    def __init__(self, chance: random.Random, name: str, began: datetime) -> None:
        self._chance = chance
        self._name = name
        self._at = began
        self.said: list[Said] = []
        self.billed = 0

    def live(self) -> None:
        members = [f"{self._name}-a", f"{self._name}-b"]
        for member in members:
            birth = date(self._chance.randint(1940, 1990), 3, 5)
            self._say(member, MemberRegistered(birth_date=str(birth), sex="female"))
            for product in ("basic-medical", "million-yuan-medical"):
                if self._chance.random() < 0.8:
                    self._say(member, _cover(member, product))
        for number in range(self._chance.randint(2, 4)):
            self._visit(self._chance.choice(members), f"{self._name}-v{number}")
            self._measure(self._chance.choice(members))

    def _visit(self, member: str, visit: str) -> None:
        name, network = self._chance.choice(PROVIDERS)
        provider = Provider(id=name, network=network)
        steps: list[EventData] = [
            VisitRegistered(visit_id=visit, visit_class="ambulatory", provider=provider),
            VisitDischarged(visit_id=visit, visit_class="ambulatory", provider=provider),
        ]
        charges = [self._charge(visit, f"{visit}-c{n}") for n in range(self._chance.randint(1, 3))]
        for charge in charges:  # before the discharge, or late: then the bill is made anew
            steps.insert(self._chance.choice((1, len(steps))), charge)
        billed = sum(charge.amount for charge in charges)
        if len(charges) > 1 and self._chance.random() < 0.3:
            gone = charges[-1]
            steps.append(ChargeVoided(charge_id=gone.charge_id, visit_id=visit, reason="error"))
            billed -= gone.amount
        if self._chance.random() < 0.15:
            steps.append(VisitCancelled(visit_id=visit, cancels="visit", reason="wrong person"))
            billed = 0
        for step in steps:
            self._say(member, step)
        self.billed += billed

    def _charge(self, visit: str, charge: str) -> ChargePosted:
        amount = self._chance.randint(100, 900_000)
        return ChargePosted(
            charge_id=charge,
            visit_id=visit,
            category="institutional",
            currency=CURRENCY,
            amount=amount,
            lines=(BillLine(code=None, text="all", amount=amount),),
        )

    def _measure(self, member: str) -> None:
        panel = (
            ("8480-6", self._chance.uniform(110, 190)),
            ("8462-4", self._chance.uniform(60, 115)),
        )
        self._say(
            member,
            ObservationRecorded(
                observation_id=f"{self._name}-o{len(self.said)}",
                codes=(Code(system="http://loinc.org", code="85354-9"),),
                value=None,
                unit=None,
                text=None,
                components=tuple(
                    Component(
                        codes=(Code(system="http://loinc.org", code=code),),
                        value=round(value, 1),
                        unit="mm[Hg]",
                    )
                    for code, value in panel
                ),
                visit_id=None,
            ),
        )

    def _say(self, member: str, data: EventData) -> None:
        self._at += timedelta(minutes=self._chance.randint(1, 30))
        self.said.append(Said(self._name, len(self.said) + 1, member, self._at, data))


def _cover(member: str, product: str) -> CoverActivated:
    payer = "social-fund" if product == "basic-medical" else INSURER
    return CoverActivated(
        cover=CoverTerms(
            cover_id=f"{member}-{product}",
            product=product,
            insurer=payer,
            valid_from=date(2020, 1, 1),
            valid_to=None,
        )
    )


def _interleaved(chance: random.Random, told: list[list[Said]]) -> Iterator[Said]:
    waiting = [list(reversed(said)) for said in told]
    while waiting:
        chosen = chance.choice(waiting)
        yield chosen.pop()
        if not chosen:
            waiting.remove(chosen)


def mangled(chance: random.Random, facts: Iterable[Said]) -> list[Said]:
    """Return facts as a careless producer would write them: some again, some before their turn."""
    order: list[Said] = []
    for fact in facts:
        order.append(fact)
        if chance.random() < 0.15:
            order.append(chance.choice(order))
        if chance.random() < 0.05 and len(order) > 3:
            order[-1], order[-3] = order[-3], order[-1]
    return order
