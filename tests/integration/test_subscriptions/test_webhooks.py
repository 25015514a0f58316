"""Webhooks over a real connection on loopback; once on SQLite and once on PostgreSQL."""

import asyncio
import threading

import pytest
from standardwebhooks import Webhook

from services.local.ports import free_port
from services.subscriptions.bell import Bell
from services.subscriptions.dispatch import Dispatcher, webhook_client
from services.subscriptions.schedule import DELAYS_S
from services.subscriptions.store.sending import LEASE_MS

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
async def dispatcher(outbox, clock):
    async with webhook_client(allow_loopback=True) as client:
        yield Dispatcher(outbox, client, clock, Bell())


async def test_an_insurer_gets_signed_milestones_in_order(
    dispatcher, feed, subscribe, subscriptions, start_receiver
):
    receiver = start_receiver(200, 201, 204)
    subscribe("sub_a", url=receiver.url)
    feed.publish(*(feed.milestone(f"e{n}", "insurer-a") for n in range(1, 6)))
    feed.publish(feed.milestone("not-yours", "insurer-b"))

    await dispatcher.send_due()

    events = [Webhook(SECRET).verify(each.body, each.headers) for each in receiver.received]
    assert [(event["number"], event["id"]) for event in events] == [
        (n, f"e{n}") for n in range(1, 6)
    ]
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 5
    assert subscriptions.subscription("sub_a").delivered_through == 5


async def test_a_refused_webhook_is_sent_again_first_under_the_same_id(
    dispatcher, feed, clock, subscribe, subscriptions, start_receiver
):
    receiver = start_receiver(500, 200)
    subscribe("sub_a", url=receiver.url)
    feed.publish(feed.milestone("e1", "insurer-a"), feed.milestone("e2", "insurer-a"))

    await dispatcher.send_due()
    waiting = subscriptions.subscription("sub_a")
    await dispatcher.send_due()
    sent_early = list(receiver.numbers)
    clock.forward(6)
    await dispatcher.send_due()

    assert (waiting.attempts, waiting.failure) == (1, "the receiver answered 500")
    assert sent_early == [1]
    assert receiver.numbers == [1, 1, 2]
    first, again, _ = receiver.received
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.body == again.body
    assert first.headers["webhook-timestamp"] != again.headers["webhook-timestamp"]


async def test_a_crash_between_sending_and_storing_sends_again_under_the_same_id(
    feed, outbox, clock, subscribe, subscriptions, start_receiver
):
    receiver = start_receiver()
    subscribe("sub_a", url=receiver.url)
    feed.publish(feed.milestone("e1", "insurer-a"), feed.milestone("e2", "insurer-a"))

    class CrashError(Exception):
        pass

    class CrashingOutbox:
        due = outbox.due
        claim = outbox.claim

        def settle(self, _claimed, _outcome):
            raise CrashError

    async with webhook_client(allow_loopback=True) as client:
        with pytest.raises(ExceptionGroup) as caught:
            await Dispatcher(CrashingOutbox(), client, clock, Bell()).send_due()
        restarted = Dispatcher(outbox, client, clock, Bell())
        await restarted.send_due()
        sent_while_leased = list(receiver.numbers)
        clock.forward(LEASE_MS / 1000)
        await restarted.send_due()

    assert caught.group_contains(CrashError)
    assert sent_while_leased == [1]
    assert receiver.numbers == [1, 1, 2]
    assert receiver.received[0].headers["webhook-id"] == receiver.received[1].headers["webhook-id"]
    assert subscriptions.subscription("sub_a").delivered_through == 2


async def test_when_the_schedule_ends_the_subscription_pauses_and_can_be_resumed(
    dispatcher, feed, clock, subscribe, subscriptions, start_receiver
):
    receiver = start_receiver(500)
    subscribe("sub_a", url=receiver.url)
    feed.publish(feed.milestone("e1", "insurer-a"), feed.milestone("e2", "insurer-a"))

    for delay_s in DELAYS_S:
        clock.forward(delay_s * 1.1)
        await dispatcher.send_due()
    paused = subscriptions.subscription("sub_a")
    clock.forward(10 * 86_400)
    await dispatcher.send_due()
    tried = list(receiver.numbers)
    receiver.answers = [(200, {})]
    subscriptions.resume("sub_a", clock())
    await dispatcher.send_due()

    assert (paused.state, paused.attempts) == ("paused", 10)
    assert paused.reason == "the receiver answered 500, at the last of 10 attempts"
    assert tried == [1] * 10
    assert receiver.numbers[10:] == [1, 2]
    resumed = subscriptions.subscription("sub_a")
    assert (resumed.state, resumed.reason, resumed.delivered_through) == ("active", None, 2)


async def test_a_receiver_that_is_back_need_not_wait_for_the_schedule(
    dispatcher, feed, clock, subscribe, subscriptions, start_receiver
):
    receiver = start_receiver(500, 500, 500, 204)
    subscribe("sub_a", url=receiver.url)
    feed.publish(feed.milestone("e1", "insurer-a"), feed.milestone("e2", "insurer-a"))
    for delay_s in (0, 6, 330):
        clock.forward(delay_s)
        await dispatcher.send_due()
    waiting = subscriptions.subscription("sub_a")

    subscriptions.resume("sub_a", clock())
    await dispatcher.send_due()

    assert (waiting.state, waiting.attempts) == ("active", 3)
    assert waiting.next_attempt_at_ms >= clock() + 1_700_000
    assert receiver.numbers == [1, 1, 1, 1, 2]
    assert subscriptions.subscription("sub_a").delivered_through == 2


async def test_410_disables_at_once(
    dispatcher, feed, clock, subscribe, subscriptions, start_receiver
):
    receiver = start_receiver(410)
    subscribe("sub_a", url=receiver.url)
    feed.publish(feed.milestone("e1", "insurer-a"))

    await dispatcher.send_due()
    clock.forward(86_400)
    await dispatcher.send_due()

    assert receiver.numbers == [1]
    assert subscriptions.subscription("sub_a").state == "disabled"


async def test_a_redirect_is_a_failure_and_is_not_followed(
    dispatcher, feed, subscribe, subscriptions, start_receiver
):
    elsewhere = start_receiver()
    receiver = start_receiver((302, {"location": elsewhere.url}))
    subscribe("sub_a", url=receiver.url)
    feed.publish(feed.milestone("e1", "insurer-a"))

    await dispatcher.send_due()

    assert elsewhere.received == []
    assert subscriptions.subscription("sub_a").failure == "the receiver answered 302"


async def test_an_overloaded_receiver_is_left_alone_as_long_as_it_asks(
    dispatcher, feed, clock, subscribe, start_receiver
):
    receiver = start_receiver((429, {"retry-after": "1200"}), 200)
    subscribe("sub_a", url=receiver.url)
    feed.publish(feed.milestone("e1", "insurer-a"))

    await dispatcher.send_due()
    clock.forward(1190)
    await dispatcher.send_due()
    before = len(receiver.received)
    clock.forward(11)
    await dispatcher.send_due()

    assert before == 1
    assert receiver.numbers == [1, 1]


async def test_a_slow_receiver_does_not_delay_others(
    feed, outbox, clock, subscribe, start_receiver, eventually
):
    slow = start_receiver(awaits=threading.Event())
    quick = start_receiver()
    subscribe("sub_slow", url=slow.url)
    subscribe("sub_quick", url=quick.url)
    feed.publish(*(feed.milestone(f"e{n}", "insurer-a") for n in range(5)))

    async with webhook_client(allow_loopback=True) as client:
        running = asyncio.create_task(Dispatcher(outbox, client, clock, Bell()).run())
        await eventually(lambda: len(quick.received) == 5)
        running.cancel()
        await asyncio.wait([running])
    slow.awaits.set()

    assert len(slow.received) <= 1
    assert quick.numbers == [1, 2, 3, 4, 5]


async def test_a_long_answer_is_not_read_to_its_end(
    dispatcher, feed, subscribe, subscriptions, start_receiver, eventually
):
    receiver = start_receiver(200, body=b"x" * 50_000_000)
    subscribe("sub_a", url=receiver.url)
    feed.publish(feed.milestone("e1", "insurer-a"))

    await dispatcher.send_due()

    await eventually(lambda: receiver.cut_short)
    assert subscriptions.subscription("sub_a").delivered_through == 1


async def test_a_receiver_that_is_down_is_retried(dispatcher, feed, subscribe, subscriptions):
    subscribe("sub_a", url=f"http://127.0.0.1:{free_port()}/")
    feed.publish(feed.milestone("e1", "insurer-a"))

    await dispatcher.send_due()

    seen = subscriptions.subscription("sub_a")
    assert (seen.state, seen.attempts) == ("active", 1)
    assert seen.failure.startswith("ConnectError")


async def test_loopback_is_refused_where_it_is_not_allowed(
    feed, outbox, clock, subscribe, subscriptions, start_receiver
):
    receiver = start_receiver()
    subscribe("sub_a", url=receiver.url)
    feed.publish(feed.milestone("e1", "insurer-a"))

    async with webhook_client(allow_loopback=False) as client:
        await Dispatcher(outbox, client, clock, Bell()).send_due()

    assert receiver.received == []
    assert "refused: loopback" in subscriptions.subscription("sub_a").failure


async def test_a_stop_in_the_middle_gives_the_claim_back(
    feed, outbox, clock, subscribe, start_receiver, eventually
):
    receiver = start_receiver(awaits=threading.Event())
    subscribe("sub_a", url=receiver.url)
    feed.publish(feed.milestone("e1", "insurer-a"))

    async with webhook_client(allow_loopback=True) as client:
        running = asyncio.create_task(Dispatcher(outbox, client, clock, Bell()).run())
        await eventually(lambda: receiver.received)
        running.cancel()
        await asyncio.wait([running])
    receiver.awaits.set()

    assert outbox.due(clock()) == ["sub_a"]
