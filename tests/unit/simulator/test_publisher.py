import asyncio
import time

import httpx
import pytest

from services.simulator.delivery import GatewayUnreachableError, deliver
from services.simulator.messages import Message
from services.simulator.plan import lanes
from services.simulator.population import DAY_S
from services.simulator.publisher import CityClock, Pace, Publisher
from services.simulator.report import CityReport
from tests.unit.simulator.city_fixtures import MiniatureGateway, city, plan_until

PLAN_S = 60 * DAY_S
MESSAGE = Message(0.0, "check-up", "/fhir", (), b'{"entry": []}', 1)


def client_of(gateway: MiniatureGateway) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url="http://gateway", transport=gateway.transport())


async def publish(
    gateway: MiniatureGateway, *, until_s: float = PLAN_S, rate: float = 1e9, members: int = 200
) -> tuple[CityReport, dict[int, int]]:
    """Publish a city that stands still at `until_s`, until nothing is left to send."""
    small = city(members=members)
    gateway.serve = sum(map(len, plan_until(until_s, small).values()))
    report, delivered, stop = CityReport(), {}, asyncio.Event()
    clock = CityClock(epoch=time.time() - until_s / 1e-6, compression=1e-6)
    async with client_of(gateway) as client:
        publisher = Publisher(client, clock, Pace(rate), report, delivered)
        running = asyncio.create_task(publisher.run(lanes(small), stop))
        await asyncio.wait_for(gateway.served.wait(), timeout=20)
        stop.set()
        await running
    return report, delivered


async def test_everything_due_is_sent_and_answered_as_planned():
    gateway = MiniatureGateway()

    report, _ = await publish(gateway)

    planned = [each for all_ in plan_until(PLAN_S, city(members=200)).values() for each in all_]
    assert report.messages == len(planned)
    assert sorted(gateway.requests) == sorted(message.body for message in planned)
    assert report.surprises == 0, report.examples
    assert report.outcomes["refused"] == sum(each.expect == "refused" for each in planned) > 0


async def test_each_household_is_sent_in_its_own_order():
    gateway = MiniatureGateway()

    await publish(gateway)

    place = {body: number for number, body in reversed(list(enumerate(gateway.requests)))}
    for messages in plan_until(PLAN_S, city(members=200)).values():
        firsts = list(dict.fromkeys(message.body for message in messages))
        places = [place[body] for body in firsts]
        assert places == sorted(places)


async def test_a_request_without_an_answer_is_sent_again_unchanged():
    gateway = MiniatureGateway(failing=[httpx.ReadError("cut after commit"), httpx.Response(503)])
    report = CityReport()

    async with client_of(gateway) as client:
        await deliver(client, MESSAGE, report)

    assert gateway.requests == [MESSAGE.body] * 3
    assert (report.unknown_outcomes, report.asked_to_wait) == (1, 1)
    assert (report.messages, report.surprises) == (1, 0)


async def test_a_gateway_that_stays_away_is_reported_as_unreachable():
    gateway = MiniatureGateway(failing=[httpx.ConnectError("refused")] * 50)

    async with client_of(gateway) as client:
        with pytest.raises(GatewayUnreachableError, match="gave no answer"):
            await deliver(client, MESSAGE, CityReport(), patience_s=0.3)


async def test_a_good_message_refused_is_a_surprise_with_its_example():
    gateway = MiniatureGateway(failing=[httpx.Response(422, text="why not")])
    report = CityReport()

    async with client_of(gateway) as client:
        await deliver(client, MESSAGE, report)

    assert report.surprises == 1
    assert report.as_json()["surprise_examples"][0]["answer"] == "why not"


async def test_a_second_start_sends_only_what_the_first_did_not():
    first, second = MiniatureGateway(), MiniatureGateway()
    _, delivered = await publish(first)
    second.members = first.members

    small, stop, report = city(members=200), asyncio.Event(), CityReport()
    clock = CityClock(epoch=time.time() - PLAN_S / 1e-6, compression=1e-6)
    async with client_of(second) as client:
        publisher = Publisher(client, clock, Pace(1e9), report, dict(delivered))
        running = asyncio.create_task(publisher.run(lanes(small), stop))
        await asyncio.sleep(0.3)
        stop.set()
        await running

    assert first.requests
    assert second.requests == []


def test_the_pace_lets_so_many_facts_go_in_a_second_and_a_quarter_of_that_in_a_burst():
    pace, facts = Pace(100.0), 0

    for millisecond in range(10_000):
        now = 50 + millisecond / 1000
        while pace.debt_s(now) == 0:
            pace.spend(1, now)
            facts += 1

    assert 1_024 <= facts <= 1_026


async def test_the_pace_bounds_the_facts_per_second():
    gateway = MiniatureGateway()
    small, stop, report = city(members=200), asyncio.Event(), CityReport()
    clock = CityClock(epoch=time.time() - PLAN_S / 1e-6, compression=1e-6)

    async with client_of(gateway) as client:
        publisher = Publisher(client, clock, Pace(100.0), report, {})
        began = time.monotonic()
        running = asyncio.create_task(publisher.run(lanes(small), stop))
        async with asyncio.timeout(20):
            while report.facts < 100:  # noqa: ASYNC110  # the report has no event for it
                await asyncio.sleep(0.01)
        stop.set()
        await running
        took_s = time.monotonic() - began

    # So many a second, a quarter of burst, and one message that may pass the line.
    assert report.facts <= 100 * took_s + 25 + 25
    assert report.behind_s > 0


async def test_when_not_all_can_be_sent_the_gravely_ill_come_first_and_the_others_still_come():
    gateway = MiniatureGateway()
    small, stop, report = city(members=400), asyncio.Event(), CityReport()
    ill = {
        person.id
        for lane in lanes(small)
        for person in lane.household.people
        if any(each.stroke_prone for each in lane.household.people)
    }
    clock = CityClock(epoch=time.time() - PLAN_S / 1e-6, compression=1e-6)
    gateway.serve = 60

    async with client_of(gateway) as client:
        publisher = Publisher(client, clock, Pace(1e9), report, {})
        running = asyncio.create_task(publisher.run(lanes(small), stop))
        await asyncio.wait_for(gateway.served.wait(), timeout=20)
        stop.set()
        await running

    first = gateway.requests[:60]
    urgent = sum(any(member.encode() in body for member in ill) for body in first)
    # Three of four; the first sixteen go out together, before any answer.
    assert 35 <= urgent <= 50
