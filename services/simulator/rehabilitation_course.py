"""What happens to a member after a stroke: therapy sessions and Barthel assessments.

Most regain most of their function (Barthel index, in steps of 5) in two to three months and keep
it; the others stall, fall back, or stop coming.
"""

from typing import Any, Final

from services.simulator.messages import Pen
from services.simulator.population import DAY_S

BARTHEL: Final = ("96761-2", "Barthel Index total score")
_SESSIONS_PER_WEEK: Final = 3
_INDEPENDENT: Final = 85
_FOLLOW_UP_AFTER_S: Final = 30 * DAY_S
_ASSESSMENTS_MAX: Final = 14

_COURSES: Final = (("recovers", 80), ("stalls", 8), ("falls back", 7), ("stops coming", 5))


def rehabilitate(pen: Pen, discharged_at: float) -> float:
    """Publish a course of rehabilitation; returns the city seconds at which it ended."""
    chance, person = pen.chance, pen.person
    course = chance.choices([name for name, _ in _COURSES], [share for _, share in _COURSES])[0]
    therapist = chance.choices(("therapist-owned-1", "therapist-alliance-1"), (65, 35))[0]
    source = f"/therapists/{therapist}"
    score = chance.randrange(30, 60, 5)
    at = discharged_at + chance.uniform(1.5, 4.0) * DAY_S
    for number in range(_ASSESSMENTS_MAX):
        assessed = pen.observed(at, source, BARTHEL, (float(score), "{score}"))
        pen.event("functional assessment", at, assessed)
        if course == "stops coming" and number == 2:
            return at
        if score >= _INDEPENDENT:
            break
        following = at + chance.uniform(14, 17) * DAY_S
        _sessions(pen, therapist, at, following)
        gain = chance.choice((10, 10, 15) if person.adherence > 0.6 else (5, 10, 15))
        if course == "stalls" and score >= 60:
            gain = chance.choice((0, 0, 5)) if score < 70 else 0
        if course == "falls back" and number == 2:
            gain = -20
        score, at = max(10, min(100, score + gain)), following
    follow_up = at + _FOLLOW_UP_AFTER_S
    kept = pen.observed(follow_up, source, BARTHEL, (float(score), "{score}"))
    pen.event("functional assessment", follow_up, kept)
    return follow_up


def _sessions(pen: Pen, therapist: str, begins: float, ends: float) -> None:
    """Publish the sessions between two assessments, a batch a week."""
    week = begins
    while week + 2 * DAY_S < ends:
        held = [
            _session(pen, therapist, at)
            for number in range(_SESSIONS_PER_WEEK)
            if (at := week + (1 + 2 * number) * DAY_S) < ends
        ]
        last = week + (1 + 2 * (len(held) - 1)) * DAY_S
        pen.batch("therapy sessions", last + 3600.0, held)
        week += 7 * DAY_S


def _session(pen: Pen, therapist: str, at: float) -> dict[str, Any]:
    chance = pen.chance
    session_id = pen.new_id("s")
    mode = chance.choices(("outpatient", "home", "remote"), (60, 25, 15))[0]
    source = f"/therapists/{therapist}"
    if chance.random() > 0.35 + 0.65 * pen.person.adherence:
        data: dict[str, Any] = {
            "session_id": session_id,
            "mode": mode,
            "reason": "The member did not come.",
        }
        kind = "careloop.session.missed.v1"
        return pen.cloud_event(kind, f"{session_id}-missed", source, at, data)
    price = {"outpatient": 24_000, "home": 32_000, "remote": 15_000}[mode]
    data = {
        "session_id": session_id,
        "mode": mode,
        "provider": {"id": therapist},
        "currency": "CNY",
        "price": price,
    }
    kind = "careloop.session.attended.v1"
    return pen.cloud_event(kind, f"{session_id}-attended", source, at, data)
