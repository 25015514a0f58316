"""Lists in pages: what of a request names a page, and where the next one begins."""

import re
from collections.abc import Sequence
from typing import Any, Final

from services.gateway.acceptance.problems import Problem, refused

PAGE: Final = 100
PAGE_MAX: Final = 500
_CURSOR: Final = re.compile(r"([0-9TZ:.+-]{1,40})_([!-~]{1,300})", re.ASCII)

After = tuple[str, str] | None
"""The time and the id after which a page begins; None for the first."""


def page_size(limit: str) -> int:
    """Return how many rows are asked for, at most 500.

    Raises RequestRefusedError: 400, no number from 1 on.
    """
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 9 and int(limit)):
        raise refused(400, Problem("value", "limit", "This is not a number from 1 on"))
    return min(int(limit), PAGE_MAX)


def page_start(after: str | None) -> After:
    """Return where a page begins.

    Raises RequestRefusedError: 400, no page has given this cursor.
    """
    if after is None:
        return None
    match = _CURSOR.fullmatch(after)
    if match is None:
        raise bad_cursor()
    return match[1], match[2]


def bad_cursor() -> Exception:
    """Return the refusal of a cursor that no page has given."""
    mend = "Take it from `next` of the page before."
    return refused(400, Problem("value", "after", "This is not a cursor", mend))


def paged(name: str, rows: Sequence[dict[str, Any]], size: int, time: str) -> dict[str, Any]:
    """Return a page of `rows`, of which there is one too many if another page follows.

    time: the field that holds the time of a row; its id is in `id`, or in `event`.
    """
    shown = rows[:size]
    following = None
    if len(rows) > size:
        last = shown[-1]
        following = f"{last[time]}_{last.get('id', last['event'])}"
    return {name: shown, "next": following}
