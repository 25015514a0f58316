"""The day of service is the day where it happened, in the product's time zone (ottehr 4342)."""

from tests.trials.playing import play


def test_a_visit_in_the_first_hours_of_a_day_is_of_that_day(gateway: str) -> None:
    first_day, after_last_day, timeline = play(gateway, "01")

    assert first_day.decisions["t01-a-v"]["social_insurance"] == 65_000
    assert after_last_day.decisions["t01-b-v"]["social_insurance"] == 0
    decided = timeline.events("direct-pay.decided")
    assert [event["decision"]["service_date"] for event in decided] == ["2026-01-01"]
