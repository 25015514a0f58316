"""A stay that goes on after its discharge ends at the last one (eCRNow 592)."""

from tests.trials.playing import play
from tests.trials.test_21 import in_force


def test_a_stay_that_goes_on_is_billed_anew_at_its_second_discharge(gateway: str) -> None:
    first, _, second, timeline, *_ = play(gateway, "09")

    assert first.decisions["t09-a-v"]["billed"] == 1_000_000
    assert second.decisions["t09-a-v"]["billed"] == 1_300_000
    assert [one["billed"] for one in in_force(timeline).values()] == [1_300_000]
    ends = [event["time"][:10] for event in timeline.events("visit.discharged")]
    assert ends == ["2026-03-06", "2026-03-09"]


def test_the_worst_order_of_a_stay_bills_what_was_charged_and_not_voided(gateway: str) -> None:
    *_, timeline = play(gateway, "09")

    [decision] = in_force(timeline).values()
    assert decision["billed"] == 500_000
    assert decision["service_date"] == "2026-03-02"
