"""Who is sent on a condition is the one who is there (LinuxForHealth FHIR 2769, medplum 6102)."""

import httpx

from tests.trials.playing import play

FIRST, SECOND = (f"5a6f0f5e-000{n}-4c1a-9a51-00000000000{n}" for n in (1, 2))


def test_a_condition_finds_the_person_and_never_makes_a_second(gateway: str) -> None:
    before = httpx.get(f"{gateway}/progress", timeout=60).json()["members"]

    day_1, day_2, visit, cover, update, mine, nobody, payer, progress = play(gateway, "06")

    assert all(answer.status < 300 for answer in (day_1, day_2, visit, cover, update))
    assert day_2.decisions["t06-v2"] == {**day_1.decisions["t06-v1"]}
    assert day_2.decisions["t06-v2"]["social_insurance"] > 0
    visits = {event["episode"] for event in mine.events("visit.registered")}
    assert visits == {"t06-v1", "t06-v2", "t06-v3"}
    assert FIRST in mine.said
    assert nobody.status == 404
    [activated] = payer.events("cover.activated")
    assert "payers.example" not in str(activated)
    assert progress.body["members"] - before == 2
