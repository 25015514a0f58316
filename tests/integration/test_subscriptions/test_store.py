"""Numbers, catch-up and claims in the database; once on SQLite and once on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.runtime.projection import StaleWriterError
from services.subscriptions.deliver import Delivered, RetryLater
from services.subscriptions.matching import note
from services.subscriptions.store.sending import LEASE_MS
from services.subscriptions.tables import metadata


def _told(subscriptions, name, after=0):
    return [
        (event["number"], event["id"]) for event in subscriptions.events(name, after, limit=100)
    ]


def test_the_migrations_make_the_tables_that_the_code_declares(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)

        assert compare_metadata(context, metadata) == []


def test_each_insurer_is_told_its_own_under_contiguous_numbers(feed, subscriptions, subscribe):
    subscribe("sub_a", "insurer-a")
    subscribe("sub_b", "insurer-b")

    feed.publish(feed.milestone("e1", "insurer-a"), feed.milestone("e2", "insurer-b"))
    feed.publish(feed.milestone("e3", "insurer-a", "insurer-b"), feed.milestone("e4"))

    assert _told(subscriptions, "sub_a") == [(1, "e1"), (2, "e3")]
    assert _told(subscriptions, "sub_b") == [(1, "e2"), (2, "e3")]


def test_a_milestone_written_twice_is_told_once(feed, other_feed, subscriptions, subscribe):
    subscribe("sub_a")

    feed.publish(feed.milestone("e1", "insurer-a"), feed.milestone("e1", "insurer-a"))
    feed.publish(feed.milestone("e1", "insurer-a"), feed.milestone("e2", "insurer-a"))
    other_feed.publish(other_feed.milestone("e2", "insurer-a"))

    assert _told(subscriptions, "sub_a") == [(1, "e1"), (2, "e2")]


def test_a_batch_has_its_effect_once_whoever_else_applies_it(
    engine, feed, clock, subscriptions, subscribe
):
    from services.subscriptions.store.recording import Recorder

    subscribe("sub_a")
    batch = feed.batch(feed.milestone("e1", "insurer-a"))
    noted = [note(logged.event) for logged in batch.events]
    Recorder(engine).record([batch], noted, clock())

    with pytest.raises(StaleWriterError):
        Recorder(engine).record([batch], noted, clock())

    assert _told(subscriptions, "sub_a") == [(1, "e1")]
    assert Recorder(engine).position(batch.topic, 0) == batch.next_offset


def test_a_choice_of_kinds_is_numbered_without_gaps(feed, subscriptions, subscribe):
    subscribe("sub_a", kinds=frozenset({"treatment.discharged"}))

    feed.publish(
        feed.milestone("e1", "insurer-a", milestone="admitted"),
        feed.milestone("e2", "insurer-a"),
        feed.milestone("e3", "insurer-a", milestone="readmitted"),
        feed.milestone("e4", "insurer-a"),
    )

    assert _told(subscriptions, "sub_a") == [(1, "e2"), (2, "e4")]


def test_a_new_subscription_can_start_at_the_beginning_and_goes_on_from_there(
    feed, subscriptions, subscribe
):
    feed.publish(
        feed.milestone("e1", "insurer-a", milestone="admitted"),
        feed.milestone("e2", "insurer-b"),
        feed.milestone("e3", "insurer-a"),
    )

    subscribe("sub_all", from_beginning=True)
    subscribe("sub_some", kinds=frozenset({"treatment.discharged"}), from_beginning=True)
    subscribe("sub_now")
    feed.publish(feed.milestone("e4", "insurer-a"))

    assert _told(subscriptions, "sub_all") == [(1, "e1"), (2, "e3"), (3, "e4")]
    assert _told(subscriptions, "sub_some") == [(1, "e3"), (2, "e4")]
    assert _told(subscriptions, "sub_now") == [(1, "e4")]


def test_nothing_is_missed_when_subscribing_and_publishing_at_once(
    feed, other_feed, subscriptions, subscribe
):
    def publish(which, prefix):
        for n in range(20):
            which.publish(which.milestone(f"{prefix}{n}", "insurer-a"))

    def follow():
        for n in range(5):
            subscribe(f"sub_{n}", from_beginning=True)

    with ThreadPoolExecutor() as pool:
        work = [
            pool.submit(publish, feed, "x"),
            pool.submit(publish, other_feed, "y"),
            pool.submit(follow),
        ]
        for each in work:
            each.result(timeout=60)

    orders = [_told(subscriptions, f"sub_{n}") for n in range(5)]
    assert [number for number, _ in orders[0]] == list(range(1, 41))
    assert {event_id for _, event_id in orders[0]} == {f"{c}{n}" for c in "xy" for n in range(20)}
    assert all(order == orders[0] for order in orders)


def test_reading_goes_on_after_a_number_and_ends_with_the_subscription(
    feed, subscriptions, subscribe
):
    subscribe("sub_a")
    feed.publish(*(feed.milestone(f"e{n}", "insurer-a") for n in range(1, 6)))

    assert _told(subscriptions, "sub_a", after=3) == [(4, "e4"), (5, "e5")]
    assert len(subscriptions.events("sub_a", 0, limit=2)) == 2

    subscriptions.unsubscribe("sub_a")
    feed.publish(feed.milestone("e6", "insurer-a"))

    assert subscriptions.events("sub_a", 0, limit=2) is None
    assert subscriptions.subscription("sub_a") is None


def test_one_webhook_of_a_subscription_is_claimed_at_a_time(feed, outbox, clock, subscribe):
    subscribe("sub_a", url="http://127.0.0.1:1/")
    feed.publish(feed.milestone("e1", "insurer-a"), feed.milestone("e2", "insurer-a"))

    first = outbox.claim("sub_a", clock())

    assert first.number == 1
    assert outbox.due(clock()) == []
    assert outbox.claim("sub_a", clock()) is None
    assert outbox.settle(first, Delivered())
    assert outbox.claim("sub_a", clock()).number == 2
    assert outbox.claim("sub_a", clock()) is None


def test_many_who_want_the_same_webhook_do_not_both_get_it(feed, outbox, clock, subscribe):
    subscribe("sub_a", url="http://127.0.0.1:1/")
    feed.publish(feed.milestone("e1", "insurer-a"))

    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: outbox.claim("sub_a", clock()), range(8)))

    assert len([claim for claim in claims if claim is not None]) == 1


def test_a_lost_claim_changes_nothing(feed, outbox, clock, subscriptions, subscribe):
    subscribe("sub_a", url="http://127.0.0.1:1/")
    feed.publish(feed.milestone("e1", "insurer-a"))
    lost = outbox.claim("sub_a", clock())
    clock.forward(LEASE_MS / 1000 + 1)
    held = outbox.claim("sub_a", clock())

    assert not outbox.settle(lost, Delivered())
    assert subscriptions.subscription("sub_a").delivered_through == 0
    assert outbox.settle(held, Delivered())
    assert subscriptions.subscription("sub_a").delivered_through == 1


def test_a_retry_is_not_due_before_its_time(feed, outbox, clock, subscribe):
    subscribe("sub_a", url="http://127.0.0.1:1/")
    feed.publish(feed.milestone("e1", "insurer-a"))
    claimed = outbox.claim("sub_a", clock())

    outbox.settle(claimed, RetryLater(clock() + 5_000, "the receiver answered 500"))

    assert outbox.due(clock()) == []
    assert outbox.claim("sub_a", clock()) is None
    clock.forward(6)
    assert outbox.due(clock()) == ["sub_a"]
    assert outbox.claim("sub_a", clock()).attempts == 1


def test_the_oldest_undelivered_webhook_is_known_and_streams_do_not_count(
    feed, outbox, clock, subscribe
):
    subscribe("sub_stream")
    subscribe("sub_a", url="http://127.0.0.1:1/")

    assert outbox.oldest_undelivered_ms() is None
    before = clock()
    feed.publish(feed.milestone("e1", "insurer-a"))
    assert before <= outbox.oldest_undelivered_ms() <= clock()
    outbox.settle(outbox.claim("sub_a", clock()), Delivered())
    assert outbox.oldest_undelivered_ms() is None
