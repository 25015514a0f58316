"""When a webhook that was not taken is sent again. Pure.

The delays are those that Standard Webhooks 1.0 recommends ("Deliverability and reliability"):
ten attempts over about three days.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600

DELAYS_S: Final = (
    0,
    5,
    5 * _MINUTE_S,
    30 * _MINUTE_S,
    2 * _HOUR_S,
    5 * _HOUR_S,
    10 * _HOUR_S,
    14 * _HOUR_S,
    20 * _HOUR_S,
    24 * _HOUR_S,
)
"""Seconds before each attempt, the first included."""

JITTER: Final = 0.1
"""A delay is longer by up to this part of it, so that receivers are not hit all at once."""

RETRY_AFTER_S_MAX: Final = 24 * _HOUR_S
OVERLOADED_S_MIN: Final = _MINUTE_S
"""The least pause after an answer that says the receiver is overloaded."""

OVERLOADED: Final = frozenset({429, 502, 504})


def delay_s(attempts: int, chance: float, *, at_least_s: float = 0) -> float | None:
    """Return the seconds to wait after `attempts` failed attempts; None when it was the last.

    chance: in [0, 1), what jitter is taken from. at_least_s: what the receiver asked for.
    """
    if attempts >= len(DELAYS_S):
        return None
    return max(DELAYS_S[attempts] * (1 + JITTER * chance), at_least_s)


def pause_s(status: int, retry_after: str | None, at: datetime) -> float:
    """Return the least seconds that a receiver's answer asks to be left alone.

    retry_after: the header of RFC 9110, section 10.2.3: seconds or an HTTP date. It counts with
    429, 502, 503 and 504, up to a day; one that cannot be read counts as absent.
    """
    if status not in OVERLOADED and status != 503:
        return 0
    least = OVERLOADED_S_MIN if status in OVERLOADED else 0
    asked = _seconds(retry_after, at) if retry_after is not None else 0
    return max(least, min(asked, RETRY_AFTER_S_MAX))


def _seconds(retry_after: str, at: datetime) -> float:
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - at).total_seconds())
