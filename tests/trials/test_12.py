"""Two hospitals number their patients and visits alike: they mean different people (sql-on-fhir 10)."""

import httpx

from tests.trials.playing import play


def test_two_hospitals_numbers_are_two_patients_and_two_visits(gateway: str) -> None:
    known, other, unknown, other_unknown, same_visit, of_1001, of_1002 = play(gateway, "12")

    assert {each.status for each in (known, other, unknown, other_unknown, same_visit)} == {200}
    assert known.decisions["t12-501"]["social_insurance"] > 0
    assert other.decisions["t12-502"] == _of_ones_own(900_000)
    assert other_unknown.decisions["t12-503"] == _of_ones_own(900_000)
    assert same_visit.decisions["t12-501"] == _of_ones_own(25_000)
    assert [each["decision"]["billed"] for each in of_1001.events("direct-pay.decided")] == [
        100_000
    ]
    assert of_1002.events("direct-pay.decided") == []
    hospital_b = {"Careloop-Source": "urn:hospital:B"}
    page = httpx.get(f"{gateway}/members/t12-1001/timeline", headers=hospital_b).json()
    decided = [each["decision"] for each in page["events"] if "decision" in each]
    assert [(each["episode"], each["billed"]) for each in decided] == [
        ("t12-502", 900_000),
        ("t12-501", 25_000),
    ]


def _of_ones_own(billed: int) -> dict[str, int]:
    """Return a decision on a bill that nobody but the patient pays."""
    others = dict.fromkeys(("social_insurance", "insurer", "subsidy", "written_off"), 0)
    return {"billed": billed, "member": billed, **others}
