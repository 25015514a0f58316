"""A hospital at the counter: registers, discharges, and has the decision in the same answer."""

from tests.e2e.people import (
    HOSPITAL,
    SOURCE,
    bundle,
    claim,
    coverage,
    encounter,
    parameters,
    patient,
    send_event,
)
from tests.e2e.running import Run, decisions_of, post_fhir, timeline, wait_for

# A stay for 100,000.00 CNY in an owned hospital in 2026: social insurance bears 75 % of what is
# above its deductible of 800.00; million-yuan medical all above the household's 10,000.00.
STAY = {
    "billed": 100_000_00,
    "social_insurance": 74_400_00,
    "insurer": 15_600_00,
    "subsidy": 0,
    "member": 10_000_00,
    "written_off": 0,
}
# With 500.00 more, known later: 75 % of it is social insurance's, the rest the insurer's.
LONGER_STAY = STAY | {
    "billed": 100_500_00,
    "social_insurance": 74_775_00,
    "insurer": 15_725_00,
}


def _admit(gateway: str, member: str) -> None:
    covers = [
        coverage(member, "basic-medical", "city-fund"),
        coverage(member, "million-yuan-medical", "insurer-of-hospital-test"),
    ]
    answer = post_fhir(gateway, bundle(patient(member), *covers), careloop_source=SOURCE)
    assert answer.status_code == 200, answer.text


def _discharge(gateway: str, member: str, visit: str):
    stay = bundle(encounter(member, visit), claim(member, visit, 100_000))
    return post_fhir(gateway, stay, careloop_source=SOURCE, prefer="wait=30")


def _amounts(decision):
    return {"billed": decision["billed"], **decision["parts"]}


def test_the_direct_pay_decision_is_in_the_answer_to_the_discharge(system: Run) -> None:
    _admit(system.gateway, "counter-1")

    answer = _discharge(system.gateway, "counter-1", "stay-1")

    assert answer.status_code == 200, answer.text
    decided = parameters(answer)
    assert decided["type"] == "careloop.direct-pay.decided.v1"
    assert (decided["visit"], decided["outcome"]) == ("stay-1", "partly_settled")
    assert {name: decided[name] for name in STAY} == STAY


def test_a_late_charge_reverses_the_decision_and_brings_a_new_one(system: Run) -> None:
    _admit(system.gateway, "late-1")
    assert _discharge(system.gateway, "late-1", "stay-late").status_code == 200

    late = claim("late-1", "stay-late", 500, "late-charge")
    answer = post_fhir(system.gateway, bundle(late), careloop_source=SOURCE)

    assert answer.status_code == 200, answer.text
    wait_for(lambda: len(decisions_of(system.gateway, "late-1")) == 2, "the second decision")
    first, second = decisions_of(system.gateway, "late-1")
    assert _amounts(first) == STAY
    assert _amounts(second) == LONGER_STAY
    kinds = [event["type"] for event in timeline(system.gateway, "late-1")]
    assert kinds.count("careloop.payment.reversed.v1") == 1


def test_a_cancelled_discharge_takes_the_decision_back_and_the_next_discharge_brings_it_again(
    system: Run,
) -> None:
    gateway, member = system.gateway, "mistaken-1"
    _admit(gateway, member)
    assert _discharge(gateway, member, "stay-m").status_code == 200

    cancelled = send_event(
        gateway,
        "careloop.visit.cancelled.v1",
        member,
        "mistaken-cancel",
        {"visit_id": "stay-m", "cancels": "discharge", "reason": "Wrong patient."},
    )
    wait_for(
        lambda: any(event["type"].endswith("reversed.v1") for event in timeline(gateway, member)),
        "the reversal",
    )
    again = send_event(
        gateway,
        "careloop.visit.discharged.v1",
        member,
        "mistaken-again",
        {"visit_id": "stay-m", "visit_class": "inpatient", "provider": HOSPITAL},
        wait_s=30,
        hour=9,
    )

    assert cancelled.status_code == 200, cancelled.text
    assert again.status_code == 200, again.text
    [decision] = again.json()["decisions"]
    assert _amounts(decision["decision"]) == STAY
    wait_for(lambda: len(decisions_of(gateway, member)) == 2, "the second decision")
    first, second = decisions_of(gateway, member)
    assert _amounts(first) == _amounts(second) == STAY
    assert first["request_id"] != second["request_id"]


def test_out_of_network_the_visit_becomes_a_claim(system: Run) -> None:
    gateway, member = system.gateway, "stranger-1"
    _admit(gateway, member)

    visit = bundle(encounter(member, "far", "hospital-far-away"), claim(member, "far", 100_000))
    answer = post_fhir(gateway, visit, careloop_source=SOURCE, prefer="wait=30")

    decided = parameters(answer)
    assert decided["type"] == "careloop.claim.decided.v1"
    assert decided["social_insurance"] == 64_480_00  # 65 % above 800.00
    assert decided["insurer"] == 15_312_00  # 60 % of what is left above 10,000.00
    assert decided["billed"] == sum(decided[name] for name in STAY if name != "billed"), (
        "the parts sum to the bill"
    )
