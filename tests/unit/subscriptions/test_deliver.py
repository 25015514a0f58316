"""What is sent, and what an answer means."""

import time

import orjson
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.subscriptions.deliver import (
    Answered,
    Claimed,
    Delivered,
    Exhausted,
    Gone,
    NotAnswered,
    RetryLater,
    prepare,
    settle,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
AT_MS = 1_772_000_000_000


def _claimed(attempts=0, number=4):
    return Claimed(
        subscription_id="sub_1",
        insurer="insurer-a",
        url="https://hook.example/in",
        secret=SECRET,
        number=number,
        event_id="event-1",
        document='{"id":"event-1","specversion":"1.0","data":{"milestone":"discharged"}}',
        attempts=attempts,
        lease_until_ms=AT_MS,
    )


def test_a_receiver_can_verify_what_it_gets_with_the_standard_library():
    prepared = prepare(_claimed(), int(time.time() * 1000))

    event = Webhook(SECRET).verify(prepared.body, dict(prepared.headers))

    assert event["number"] == 4
    assert event["subscription"] == "sub_1"
    assert event["data"]["insurers"] == ["insurer-a"]


def test_neither_another_secret_nor_another_body_verifies():
    prepared = prepare(_claimed(), int(time.time() * 1000))
    tampered = prepared.body.replace(b"discharged", b"readmitted")

    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(prepared.body, dict(prepared.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(tampered, dict(prepared.headers))


def test_an_attempt_later_carries_the_same_id_and_body_and_a_new_timestamp():
    first = prepare(_claimed(), AT_MS)
    second = prepare(_claimed(attempts=3), AT_MS + 300_000)

    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert first.headers["webhook-timestamp"] == str(AT_MS // 1000)
    assert second.headers["webhook-timestamp"] == str(AT_MS // 1000 + 300)


def test_the_body_is_a_cloud_event():
    prepared = prepare(_claimed(), AT_MS)

    assert prepared.headers["content-type"] == "application/cloudevents+json"
    assert orjson.loads(prepared.body)["specversion"] == "1.0"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_only_a_2xx_is_taken(status):
    assert settle(prepare(_claimed(), AT_MS), Answered(status, None), AT_MS, 0.5) == Delivered()


@pytest.mark.parametrize("status", [100, 301, 302, 307, 308, 400, 401, 404, 500, 503])
def test_any_other_answer_is_retried(status):
    outcome = settle(prepare(_claimed(), AT_MS), Answered(status, None), AT_MS, 0.0)

    assert outcome == RetryLater(AT_MS + 5_000, f"the receiver answered {status}")


def test_410_ends_the_subscription_at_once():
    outcome = settle(prepare(_claimed(), AT_MS), Answered(410, None), AT_MS, 0.0)

    assert isinstance(outcome, Gone)


def test_an_overloaded_receiver_sets_the_pace():
    outcome = settle(prepare(_claimed(), AT_MS), Answered(429, "900"), AT_MS, 0.0)

    assert outcome == RetryLater(AT_MS + 900_000, "the receiver answered 429")


def test_silence_is_retried_until_the_schedule_ends():
    early = settle(prepare(_claimed(attempts=8), AT_MS), NotAnswered("refused"), AT_MS, 0.0)
    last = settle(prepare(_claimed(attempts=9), AT_MS), NotAnswered("refused"), AT_MS, 0.0)

    assert early == RetryLater(AT_MS + 86_400_000, "refused")
    assert last == Exhausted("refused, at the last of 10 attempts")
