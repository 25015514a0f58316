"""Elements that turn a statement round are understood, or what they stand in is not taken
(fhir.cerner.com 353, basisprofil-de-r4 30, vets-api 22684)."""

from tests.trials.playing import play


def test_nothing_follows_from_what_was_not_said(gateway: str) -> None:
    not_given, proposed, stay, limit, donor, timeline = play(gateway, "04")

    assert not_given.status == 200
    assert "not to give" in " ".join(not_given.problems)
    assert [each.partition("/")[0] for each in proposed.problems] == ["information"]
    assert stay.decisions["t04-a-v"]["billed"] == 800_000
    assert "suspicion" in " ".join(stay.problems)
    assert "limit" in " ".join(limit.problems)
    assert donor.status == 422
    assert "measured-on-donor" in donor.said
    for kind in ("medication.prescribed", "condition.recorded", "referral.to-rehabilitation"):
        assert not timeline.events(kind)
    measured = [event["summary"] for event in timeline.events("observation.recorded")]
    assert not [text for text in measured if "9.9" in text]
    assert not timeline.events("screening.risk-stratified")
