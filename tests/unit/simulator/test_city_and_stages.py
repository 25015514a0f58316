"""The city's messages, read by the gateway's own translation, folded by the stages' own rules."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from services.contract.codec import encode
from services.contract.topics import DEAD_LETTERS, EVENT_TOPICS, HEALTH_EVENTS
from services.gateway.acceptance.decide import GroupOutcome, decide
from services.gateway.acceptance.facts import Group
from services.gateway.acceptance.households import Known
from services.gateway.acceptance.order import ordered
from services.gateway.acceptance.problems import RequestRefusedError
from services.gateway.doors.cloudevents.reader import read_events
from services.gateway.doors.cloudevents.translation import event_group
from services.gateway.doors.fhir.bundle import Context, translate
from services.gateway.doors.json_body import decimal_number, load_json
from services.gateway.doors.network import load_network
from services.gateway.doors.senders import load_senders
from services.management.app import STAGE as MANAGEMENT
from services.rehabilitation.app import STAGE as REHABILITATION
from services.runtime.inprocess import InProcess
from services.screening.app import STAGE as SCREENING
from services.settlement.app import STAGE as SETTLEMENT
from services.simulator.messages import Message
from services.simulator.population import DAY_S, City
from services.timeline.tally import Tally
from services.treatment.app import STAGE as TREATMENT
from tests.unit.simulator.city_fixtures import city, plan_until

ALL = (SCREENING, MANAGEMENT, TREATMENT, REHABILITATION, SETTLEMENT)
TICK_DAYS = 4


@dataclass
class CityOnStages:
    """One partition, no broker: messages in, ticks between them."""

    city: City
    running: InProcess = field(default_factory=lambda: InProcess(ALL))
    known: Known = field(default_factory=lambda: Known(namespace_of=load_senders().namespace))
    surprises: list[tuple[str, str, str, list[str]]] = field(default_factory=list)

    def live(self, until_days: float) -> None:
        plan = plan_until(until_days * DAY_S, self.city)
        ticks = 0
        for message in heapq.merge(*plan.values(), key=lambda each: each.due):
            while message.due > ticks * TICK_DAYS * DAY_S:
                self.running.tick(self.city.start + timedelta(days=ticks * TICK_DAYS))
                self.running.run()
                ticks += 1
            self._send(message)
        self.running.run()

    def tally(self) -> Tally:
        tally = Tally()
        for topic in EVENT_TOPICS:
            for event in self.running.events(topic):
                tally.add(event)
        return tally

    def _send(self, message: Message) -> None:
        now = self.city.start + timedelta(seconds=message.due)
        try:
            outcomes = [decide(group, self.known, now) for group in _groups(message, now)]
            problems = [each.text for outcome in outcomes for each in outcome.problems]
            answer = _answer(outcomes)
        except RequestRefusedError as error:
            outcomes, problems, answer = [], [str(error)], "refused"
        if answer != message.expect:
            self.surprises.append((message.kind, message.expect, answer, problems))
        for outcome in outcomes:
            for event, _ in outcome.events:
                self.running.log.append(HEALTH_EVENTS, 0, encode(event))


def _groups(message: Message, now) -> list[Group]:
    headers = dict(message.headers)
    if message.path == "/events":
        received = read_events(headers["content-type"], headers, message.body)
        network = load_network()
        return [event_group(each, network) for each in received]
    body = load_json(message.body, decimal_number)
    context = Context(network=load_network(), now=now, sender=headers.get("careloop-source"))
    read = translate(body, context)
    facts = ordered(fact for entry in read.entries for fact in entry.facts)
    problems = tuple(each for entry in read.entries for each in entry.problems)
    return [Group(facts, problems, read.members)]


def _answer(outcomes: list[GroupOutcome]) -> str:
    if any(outcome.refused for outcome in outcomes):
        return "refused"
    return "accepted" if any(outcome.events for outcome in outcomes) else "duplicate"


def test_a_city_year_is_answered_as_planned_and_members_go_around_the_loop():
    lived = CityOnStages(city(seed=7, members=150))

    lived.live(until_days=300)

    tally = lived.tally()
    assert lived.surprises == []
    assert list(lived.running.log.all_rows(DEAD_LETTERS)) == []
    assert tally.loops_completed >= 3
    assert tally.members_at("management.target_met") >= 5
    assert tally.members_at("rehabilitation.goal_reached") >= 3
    outcomes = Counter(tally.decisions)
    assert outcomes["settled"] + outcomes["partly_settled"] > 50
    assert outcomes["approved"] + outcomes["partly_approved"] > 0
    assert outcomes["reversed"] > 0


def test_every_request_is_decided_and_the_parts_sum_to_what_is_billed():
    lived = CityOnStages(city(seed=8, members=60))

    lived.live(until_days=200)

    tally = lived.tally()
    decided = sum(tally.decisions.values()) - tally.decisions["reversed"]
    assert decided == tally.requests.total() > 0
    for amounts in tally.summary()["amounts"].values():
        assert amounts.pop("billed") == sum(amounts.values()) > 0
