"""A corrected claim takes the place of the prior one (canvas 436)."""

from tests.trials.playing import play


def test_the_corrected_bill_is_decided_in_place_of_the_prior_one(gateway: str) -> None:
    original, corrected, timeline = play(gateway, "03")

    assert original.decisions["t03-a-v"]["billed"] == 120_000
    assert corrected.status < 300
    decided = [event["decision"] for event in timeline.events("direct-pay.decided")]
    assert [(each["billed"], each["parts"]["social_insurance"]) for each in decided][-1] == (
        90_000,
        54_000,
    )
    assert len(timeline.events("payment.reversed")) == 1
    assert len(decided) == 2
