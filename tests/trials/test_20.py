"""Blood pressure in several units, and in none (fhir-bridge 36, gpconnect 984)."""

from tests.trials.playing import play


def test_a_pressure_is_read_in_its_unit_or_refused_for_want_of_it(gateway: str) -> None:
    answers = play(gateway, "20")
    sent, timelines = answers[::2], answers[1::2]

    said = [
        [event["summary"] for event in timeline.events("screening.risk-stratified")]
        for timeline in timelines
    ]
    read = ["162/101 mmHg" in "".join(summaries) for summaries in said]
    assert read == [True, True, True, True, False, True, False]
    without, impossible = sent[4], sent[6]
    assert without.status == 422
    assert "systolic has no unit" in without.said
    assert "outside 40 to 320" in impossible.said + timelines[6].said
