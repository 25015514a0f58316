"""When a webhook is sent again."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.subscriptions.schedule import DELAYS_S, RETRY_AFTER_S_MAX, delay_s, pause_s

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_the_delays_are_those_of_standard_webhooks():
    hours = [0, 0, 0, 0.5, 2, 5, 10, 14, 20, 24]

    assert [round(delay / 3600, 1) for delay in DELAYS_S[3:]] == hours[3:]
    assert DELAYS_S[:3] == (0, 5, 300)
    assert 74 < sum(DELAYS_S) / 3600 < 77


@given(st.integers(1, len(DELAYS_S) - 1), st.floats(0, 1, exclude_max=True))
def test_jitter_only_ever_makes_a_delay_longer_and_by_a_tenth_at_most(attempts, chance):
    delay = delay_s(attempts, chance)

    assert delay is not None
    assert DELAYS_S[attempts] <= delay <= DELAYS_S[attempts] * 1.1 + 1e-6


def test_after_the_tenth_failed_attempt_there_is_no_other():
    assert delay_s(9, 0.0) == 86_400
    assert delay_s(10, 0.0) is None


def test_a_receiver_can_ask_for_more_time_but_not_for_less():
    assert delay_s(1, 0.0, at_least_s=120) == 120
    assert delay_s(3, 0.0, at_least_s=120) == 1800


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (500, "3600", 0),
        (404, "3600", 0),
        (503, None, 0),
        (503, "90", 90),
        (429, None, 60),
        (502, None, 60),
        (504, None, 60),
        (429, "10", 60),
        (429, "600", 600),
        (429, "99999999999999999999", RETRY_AFTER_S_MAX),
        (429, "Sun, 01 Mar 2026 12:10:00 GMT", 600),
        (429, "Sun, 01 Mar 2026 11:00:00 GMT", 60),
        (429, "Sun, 01 Mar 2099 11:00:00 GMT", RETRY_AFTER_S_MAX),
        (429, "soon", 60),
        (429, "-5", 60),
        (429, "²", 60),
        (429, "", 60),
    ],
)
def test_an_overloaded_receiver_is_left_alone_within_bounds(status, retry_after, seconds):
    assert pause_s(status, retry_after, AT) == seconds
