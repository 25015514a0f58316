"""The published schemas are strict, and refuse what the models refuse."""

import json
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from services.contract import payment, visit
from services.contract.codec import schema_of
from services.contract.registry import BY_TYPE
from tests.contracts.examples import PATHS, ROOT, body

DATA = [(path.parent.name, body(path)["data"]) for path in PATHS]
MONEY = {
    "amount", "billed", "price", "taken", "open_before",
    *payment.Parts.model_fields,
}  # fmt: skip
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 10**15, 10**15 + 1, -(10**15) - 1, 10**30]),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: not value.is_integer()),
    st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=20),
    st.sampled_from(
        ["", " ", "x" * 129, "x" * 501, "a b", "\0", "cny", "CNY", "low", "inpatient",
         "1704067200", "20240101", "2024-02-30", "2024-02-29", "2024-01-01T00:00:00Z",
         "2024-01-01T00:00:00", "2024-02-30T00:00:00Z", "2024-01-01T24:00:00Z",
         "1704067200.5", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00.123456+08:00"]
    ),
    st.just([]),
    st.just({}),
    st.just([{}]),
)  # fmt: skip


@cache
def validator(event_type: str) -> Draft202012Validator:
    schema = json.loads((ROOT / f"events/schemas/{event_type}.json").read_text())
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def refused_by_schema(event_type: str, data: Any) -> bool:
    return not validator(event_type).is_valid(data)


def refused_by_model(event_type: str, data: Any) -> bool:
    """Whether the model refuses what a schema can express; sums across fields it cannot."""
    try:
        BY_TYPE[event_type].model_validate_json(json.dumps(data))
    except ValidationError as error:
        return any(problem["type"] != "value_error" or problem["loc"] for problem in error.errors())
    return False


OPTIONAL = {
    "display", "answer", "quantity", "unit_price", "day", "category", "approval", "points",
}  # fmt: skip
"""Fields with a default, which a sender may leave out."""

OPTIONAL_THERE = {("careloop.charge.posted.v1", "replaces")}
"""Such fields of one type, whose name is required in another."""


def places(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a JSON document."""
    yield path
    if isinstance(node, dict | list):
        children = node.items() if isinstance(node, dict) else enumerate(node)
        for name, child in children:
            yield from places(child, (*path, name))


def with_value(data: Any, path: tuple[str | int, ...], value: Any) -> Any:
    copy = json.loads(json.dumps({"root": data}))
    node = copy
    for step in ("root", *path)[:-1]:
        node = node[step]
    node[("root", *path)[-1]] = value
    return copy["root"]


def subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for child in schema.values():
            yield from subschemas(child)
    elif isinstance(schema, list):
        for child in schema:
            yield from subschemas(child)


@pytest.mark.parametrize("event_type", sorted(BY_TYPE))
def test_a_schema_is_valid_closed_and_named_after_its_type(event_type):
    schema = validator(event_type).schema

    Draft202012Validator.check_schema(schema)

    assert schema["$id"] == schema_of(event_type)
    assert schema["description"]
    objects = [node for node in subschemas(schema) if node.get("type") == "object"]
    assert objects
    for node in objects:
        assert node["additionalProperties"] is False


def test_money_is_an_integer_with_bounds_wherever_it_stands():
    found = set()

    for event_type in BY_TYPE:
        for node in subschemas(validator(event_type).schema):
            for name, rules in node.get("properties", {}).items():
                if name in MONEY and rules.get("type") != "array" and "$ref" not in rules:
                    if name == "insurer" and "pattern" in rules:
                        continue  # the insurer's id, not its part
                    assert rules["type"] == "integer", (event_type, name)
                    assert rules["maximum"] == 10**15
                    found.add(name)

    assert found == MONEY


@pytest.mark.parametrize(("event_type", "data"), DATA)
def test_a_missing_or_an_unknown_field_is_refused_by_both(event_type, data):
    for path in places(data):
        node = data
        for step in path:
            node = node[step]
        if not isinstance(node, dict):
            continue
        variants = [with_value(data, path, {**node, "surprise": 1})] + [
            with_value(data, path, {name: node[name] for name in node if name != gone})
            for gone in node
            if gone not in OPTIONAL and (event_type, gone) not in OPTIONAL_THERE
        ]

        for variant in variants:
            assert refused_by_schema(event_type, variant)
            assert refused_by_model(event_type, variant)


@settings(max_examples=600, deadline=None, print_blob=True)
@given(st.data())
def test_model_and_schema_refuse_the_same_variants(data):
    event_type, original = data.draw(st.sampled_from(DATA))
    path = data.draw(st.sampled_from(list(places(original))))
    variant = with_value(original, path, data.draw(JUNK))

    by_schema = refused_by_schema(event_type, variant)

    assert by_schema == refused_by_model(event_type, variant)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("2024-01-01T00:00:00Z", False),
        ("2024-01-01T00:00:00.123456-03:30", False),
        ("2024-01-01T23:59:59+14:00", False),
        ("", True),
        ("2024-01-01", True),
        ("1704067200", True),
        ("2024-01-01T00:00:00", True),
        ("2024-01-01 00:00:00Z", True),
        ("2024-01-01T00:00Z", True),
        ("2024-01-01t00:00:00z", True),
        ("2024-01-01T00:00:00+0800", True),
        ("2024-01-01T00:00:00+24:00", True),
        ("2024-01-01T00:00:00.1234567Z", True),
        ("2024-02-30T00:00:00Z", True),
        ("2024-01-01T24:00:00Z", True),
        ("2016-12-31T23:59:60Z", True),
    ],
)
def test_an_instant_is_read_only_in_its_one_form(text, refused):
    event_type = "careloop.payment.requested.v1"
    original = next(data for kind, data in DATA if kind == event_type)
    variant = with_value(original, ("service_time",), text)

    assert refused_by_schema(event_type, variant) == refused
    assert refused_by_model(event_type, variant) == refused


@given(text=st.text(max_size=12))
@example(text="1704067200")
@example(text="2024-W01-1")
@settings(deadline=None, print_blob=True)
def test_a_day_is_read_only_in_its_one_form(text):
    data = json.dumps({"cover_id": "c", "last_day": text, "reason": "x"})

    try:
        read = BY_TYPE["careloop.cover.ended.v1"].model_validate_json(data)
    except ValidationError:
        return

    assert read.last_day.isoformat() == text


def test_a_day_given_as_text_to_the_constructor_is_refused():
    with pytest.raises(ValidationError):
        BY_TYPE["careloop.cover.ended.v1"](cover_id="c", last_day="2024-01-01", reason="x")

    assert BY_TYPE["careloop.cover.ended.v1"](cover_id="c", last_day=date(2024, 1, 1), reason="x")


def test_lines_that_do_not_sum_to_the_amount_are_refused():
    event_type, data = next(one for one in DATA if one[0] == visit.ChargePosted.TYPE)

    with pytest.raises(ValidationError, match="the lines sum to"):
        BY_TYPE[event_type].model_validate_json(json.dumps({**data, "amount": data["amount"] + 1}))


@pytest.mark.parametrize("part", sorted(payment.Parts.model_fields))
def test_a_decision_whose_parts_do_not_sum_to_the_bill_is_refused(part):
    event_type, data = next(one for one in DATA if one[0] == payment.DirectPayDecided.TYPE)
    parts = {**data["parts"], part: data["parts"][part] + 1}

    with pytest.raises(ValidationError, match="these must agree"):
        BY_TYPE[event_type].model_validate_json(json.dumps({**data, "parts": parts}))


@pytest.mark.parametrize("told", ["shares", "trace"])
def test_a_decision_that_is_told_of_another_payer_than_the_one_who_pays_is_refused(told):
    event_type, data = next(one for one in DATA if one[0] == payment.DirectPayDecided.TYPE)
    others = {"social_insurance": "insurer", "insurer": "social_insurance"}
    swapped = [{**each, "payer": others.get(each["payer"], each["payer"])} for each in data[told]]

    with pytest.raises(ValidationError, match="these must agree"):
        BY_TYPE[event_type].model_validate_json(json.dumps({**data, told: swapped}))


@pytest.mark.parametrize("change", [-1, 1])
def test_a_decision_whose_shares_do_not_sum_to_what_the_covers_pay_is_refused(change):
    event_type, data = next(one for one in DATA if one[0] == payment.DirectPayDecided.TYPE)
    first, *others = data["shares"]
    shares = [{**first, "amount": first["amount"] + change}, *others]

    with pytest.raises(ValidationError, match="these must agree"):
        BY_TYPE[event_type].model_validate_json(json.dumps({**data, "shares": shares}))
