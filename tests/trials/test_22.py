"""Who a patient is may become known after the first bill (FEMR/femr 380)."""

import pytest

from tests.trials.playing import Answer, play


@pytest.fixture(scope="module")
def answers(gateway: str) -> list[Answer]:
    return play(gateway, "22")


def test_a_patient_who_is_identified_later_is_known_and_billed_from_then_on(
    answers: list[Answer],
) -> None:
    unknown, identified, again, year, day, timeline = answers

    assert [answer.status for answer in (unknown, identified, again, year, day)] == [200] * 5
    assert unknown.decisions["t22-a-v"]["billed"] == 70_000
    assert identified.decisions["t22-a-v2"]["billed"] == 30_000
    assert "birth date 1949-05-17, until now unknown" in identified.said
    assert [event["status"] for event in again.body["events"]] == ["duplicate"]
    assert "birth date 1962-11-03, until now 1962" in day.said
    assert [event["summary"] for event in timeline.events("member.registered")] == [
        "Known as a member: birth date not known, sex not known.",
        "Known as a member: born 1949-05-17, male.",
    ]


def test_who_is_identified_is_invited_once_for_each_pathway(answers: list[Answer]) -> None:
    timeline = answers[-1]

    told = [event["summary"] for event in timeline.events("screening.milestone-reached")]
    invited = [line for line in told if "invited" in line]
    assert len(invited) == len(set(invited)) == len(timeline.events("screening.scheduled")) == 2
    assert all("told to city-fund" in line for line in invited)
