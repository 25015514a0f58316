"""A record that was replaced by another is that person's: deductible, bills and all (eCRNow 541)."""

import httpx

from tests.trials.playing import play


def test_a_merged_patients_deductible_counts_and_no_visit_is_billed_twice(gateway: str) -> None:
    first, duplicate, merge, sent_again, visit, of_a, of_b = play(gateway, "10")

    steps = (first, duplicate, merge, sent_again, visit)
    assert {each.status for each in steps} == {200}, [each.said for each in steps]
    assert duplicate.decisions["t10-b-v"]["insurer"] == 0
    assert sent_again.decisions["t10-b-v"] == duplicate.decisions["t10-b-v"]
    assert visit.decisions["t10-a-v2"]["insurer"] == 800_000
    decided = [each["decision"]["episode"] for each in of_a.events("direct-pay.decided")]
    assert decided == ["t10-b-v", "t10-a-v2"]
    assert len(of_b.events("direct-pay.decided")) == len(of_b.events("payment.reversed")) == 1
    assert of_b.events("member.merged")
    assert httpx.get(f"{gateway}/refusals").json()["refusals"] == []
