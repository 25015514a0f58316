"""The same facts give the same result in any order (nextgenhealthcare/connect 3410)."""

from collections.abc import Mapping
from typing import Any

from tests.trials.playing import Answer, play


def in_force(timeline: Answer) -> Mapping[str, Any]:
    """The decision in force on each visit of a member: the last one, unless it was undone."""
    found: dict[str, Any] = {}
    for event in timeline.body["events"]:
        if event["type"] in {"careloop.direct-pay.decided.v1", "careloop.claim.decided.v1"}:
            found[event["episode"]] = event["decision"]
        elif event["type"] == "careloop.payment.reversed.v1":
            del found[event["episode"]]
    return found


def test_what_is_withdrawn_before_it_comes_never_counts(gateway: str) -> None:
    answers = play(gateway, "21")
    posted = [answer for answer in answers if "timeline" not in answer.asked]
    timelines = {
        answer.asked.split("/")[2]: answer for answer in answers if "timeline" in answer.asked
    }

    assert [answer.problems for answer in posted if answer.status >= 300] == []
    billed = {
        member: {visit: one["billed"] for visit, one in in_force(timeline).items()}
        for member, timeline in timelines.items()
    }
    assert billed == {
        "t21-order": {"t21-order-v": 500_000},
        "t21-void1st": {"t21-void1st-v": 500_000},
        "t21-undo1st": {},
        "t21-visit1st": {},
        "t21-cover": {"t21-cover-v": 100_000},
    }
    [decision] = in_force(timelines["t21-cover"]).values()
    assert decision["parts"]["social_insurance"] == 0
    in_order, overtaken = in_force(timelines["t21-order"]), in_force(timelines["t21-void1st"])
    assert [one["parts"] for one in in_order.values()] == [
        one["parts"] for one in overtaken.values()
    ]


def test_the_timeline_says_of_each_that_it_waited_and_was_met(gateway: str) -> None:
    timelines = [answer for answer in play(gateway, "21") if "timeline" in answer.asked]

    told = {
        answer.asked.split("/")[2]: [one["summary"] for one in answer.events("withdrawal.noted")]
        for answer in timelines
    }

    assert told["t21-order"] == []
    for member in ("t21-void1st", "t21-undo1st", "t21-visit1st", "t21-cover"):
        waits, met = told[member]
        assert "waits for it" in waits
        assert "counts for nothing" in met
