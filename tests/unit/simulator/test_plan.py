import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from services.simulator.messages import Message
from services.simulator.population import DAY_S, YEAR_DAYS
from tests.unit.simulator.city_fixtures import city, plan_until

YEAR_S = YEAR_DAYS * DAY_S


def all_of(plan: dict[int, list[Message]]) -> list[Message]:
    return [message for messages in plan.values() for message in messages]


def events_in(message: Message) -> list[dict]:
    if message.path != "/events" or message.kind.startswith("bad"):
        return []
    body = json.loads(message.body)
    if isinstance(body, list):
        return body
    if "specversion" in body:
        return [body]
    attributes = {name[3:]: value for name, value in message.headers if name.startswith("ce-")}
    return [attributes | {"data": body}]


def resources_in(message: Message) -> list[dict]:
    if message.path != "/fhir" or message.expect == "refused":
        return []
    return [entry["resource"] for entry in json.loads(message.body)["entry"]]


def test_the_same_seed_gives_the_same_messages_byte_for_byte():
    first = plan_until(YEAR_S, city(seed=11, members=60))

    again = plan_until(YEAR_S, city(seed=11, members=60))

    assert first == again
    assert first != plan_until(YEAR_S, city(seed=12, members=60))


@settings(max_examples=15, deadline=None, print_blob=True)
@given(seed=st.integers(0, 10**6), members=st.integers(1, 40))
def test_a_household_is_registered_before_anything_else_happens_and_time_never_runs_back(
    seed, members
):
    plan = plan_until(2 * YEAR_S, city(seed, members))

    for messages in plan.values():
        assert messages[0].kind == "registration"
        dues = [message.due for message in messages]
        assert dues == sorted(dues)
    registered = [
        resource["id"]
        for messages in plan.values()
        for resource in resources_in(messages[0])
        if resource["resourceType"] == "Patient"
    ]
    assert len(registered) == len(set(registered)) == members


def test_no_two_facts_share_an_id_unless_one_is_a_repeat():
    messages = [
        each for each in all_of(plan_until(2 * YEAR_S, city())) if each.expect == "accepted"
    ]

    events = Counter(event["id"] for message in messages for event in events_in(message))
    claims = Counter(
        resource["id"]
        for message in messages
        for resource in resources_in(message)
        if resource["resourceType"] in {"Claim", "Condition", "Observation", "Procedure"}
    )

    assert max(events.values()) == 1
    assert max(claims.values()) == 1


def test_a_repeat_is_the_very_same_request_sent_later():
    for messages in plan_until(YEAR_S, city()).values():
        sent: set[bytes] = set()
        for message in messages:
            if message.expect == "duplicate":
                assert message.body in sent
            sent.add(message.body)


def test_the_first_visit_ends_within_the_first_real_second_at_a_year_a_minute():
    messages = all_of(plan_until(YEAR_S / 60, city(members=1_000)))

    discharges = [
        message
        for message in messages
        for resource in resources_in(message)
        if resource["resourceType"] == "Encounter" and resource["status"] == "finished"
    ]

    assert len(discharges) >= 3


def test_dozens_of_members_recover_from_a_stroke_within_the_first_year():
    messages = all_of(plan_until(0.95 * YEAR_S, city(members=1_000)))
    strokes = [message for message in messages if message.kind == "inpatient discharge"]
    scores: dict[str, list[float]] = {}
    for message in messages:
        for event in events_in(message):
            if any(code["code"] == "96761-2" for code in event["data"].get("codes", ())):
                scores.setdefault(event["subject"], []).append(event["data"]["value"])

    recovered = [score for score in scores.values() if max(score) >= 85]

    assert len(strokes) >= 36
    assert len(recovered) >= 24
    assert all(value % 5 == 0 and 0 <= value <= 100 for all_ in scores.values() for value in all_)


def test_a_member_with_a_stroke_was_found_hypertensive_on_two_days_before_it():
    plan = plan_until(YEAR_S, city(members=1_000))

    checked = 0
    for messages in plan.values():
        raised: dict[str, set[str]] = {}
        for message in messages:
            if message.kind == "admission":
                subject = resources_in(message)[1]["subject"]["reference"].removeprefix("Patient/")
                assert len(raised[subject]) >= 2
                checked += 1
            for member, day, systolic, diastolic in pressures_in(message):
                if systolic >= 140 or diastolic >= 90:
                    raised.setdefault(member, set()).add(day)
    assert checked >= 36


def pressures_in(message: Message) -> list[tuple[str, str, float, float]]:
    found = []
    for event in events_in(message):
        values = [part["value"] for part in event["data"].get("components", ())]
        if len(values) == 2:
            found.append((event["subject"], event["time"][:10], *values))
    for resource in resources_in(message):
        if "component" in resource:
            values = [part["valueQuantity"]["value"] for part in resource["component"]]
            member = resource["subject"]["reference"].removeprefix("Patient/")
            found.append((member, resource["effectiveDateTime"][:10], *values))
    return found


def test_claims_are_whole_fen_and_their_items_sum_to_the_total():
    claims = [
        resource
        for message in all_of(plan_until(YEAR_S, city()))
        for resource in resources_in(message)
        if resource["resourceType"] == "Claim"
    ]

    assert len(claims) > 50
    for claim in claims:
        total = round(claim["total"]["value"] * 100)
        assert total / 100 == claim["total"]["value"]
        assert sum(round(item["net"]["value"] * 100) for item in claim["item"]) == total


def test_every_sort_of_mischief_and_correction_happens():
    kinds = Counter(message.kind for message in all_of(plan_until(2 * YEAR_S, city(members=1_000))))

    for kind in (
        "repeat",
        "bad: not JSON",
        "bad: a wrong type",
        "bad: an unknown member",
        "bad: a sub-cent amount",
        "bad: an unknown resource",
        "bad: not a number",
        "bad: an unknown event type",
        "bad: a fraction of a fen",
        "discharge cancelled",
        "charge replaced",
        "charge after discharge",
        "home reading, late",
    ):
        assert kinds[kind] >= 3, kind
    assert kinds["discharge cancelled"] == kinds["discharged again"]
    assert kinds["charge voided"] == kinds["charge replaced"]
