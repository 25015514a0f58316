"""JSON that anybody may have written: read exactly, or refused with a reason."""

import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.acceptance.problems import RequestRefusedError
from services.gateway.doors.json_body import (
    BODY_BYTES_MAX,
    DEPTH_MAX,
    decimal_number,
    float_number,
    load_json,
    read_body,
)

HOSTILE = {
    "not JSON": b"{'a': 1}",
    "cut off": b'{"a": [1, 2',
    "not UTF-8": b'{"a": "\xff"}',
    "a raw surrogate": b'{"a": "\xed\xa0\x80"}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "half a pair in a key": b'{"\\udc00": 1}',
    "U+0000": b'{"a": ["\\u0000"]}',
    "a raw control character": b'{"a": "\x01"}',
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "a key twice": b'{"a": {"b": 1, "b": 2}}',
    "5,000 digits": b'{"a": ' + b"9" * 5_000 + b"}",
    "a huge exponent": b'{"a": 1e1000000}',
    "a tiny exponent": b'{"a": 1.5e-1000000}',
    "a long fraction": b'{"a": 0.' + b"1" * 5_000 + b"}",
    "deep arrays": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 500 + b"1" + b"}" * 500,
    "just too deep": b"[" * (DEPTH_MAX + 1) + b"1" + b"]" * (DEPTH_MAX + 1),
    "two documents": b"{}{}",
    "only spaces": b"   ",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_json_is_refused_with_what_is_wrong_and_how_to_mend_it(body: bytes) -> None:
    with pytest.raises(RequestRefusedError) as refusal:
        load_json(body, decimal_number)

    assert refusal.value.status == 400
    [problem] = refusal.value.problems
    assert problem.says.startswith(("The body", "A string"))
    assert problem.mend
    assert len(problem.text) < 300


def test_a_duplicate_key_is_named() -> None:
    with pytest.raises(RequestRefusedError, match="'amount' stands twice"):
        load_json(b'{"amount": 1, "currency": "CNY", "amount": 2}', decimal_number)


def test_an_error_in_the_text_is_placed() -> None:
    with pytest.raises(RequestRefusedError, match="line 2, column 7"):
        load_json(b'{"a": 1,\n "b": x}', decimal_number)


def test_money_is_read_exactly() -> None:
    assert load_json(b'{"value": 0.1}', decimal_number) == {"value": Decimal("0.1")}


def test_what_is_as_deep_as_allowed_is_read() -> None:
    text = b"[" * DEPTH_MAX + b"]" * DEPTH_MAX

    assert isinstance(load_json(text, decimal_number), list)


def test_a_float_out_of_range_is_refused() -> None:
    with pytest.raises(RequestRefusedError, match="out of range"):
        load_json(b"[1e400]", float_number)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), inner
        )
    ),
    max_leaves=20,
)


@given(value=_JSON)
def test_what_another_writer_wrote_is_read_as_it_was(value: object) -> None:
    assert load_json(orjson.dumps(value), float_number) == value


@given(
    body=st.binary(max_size=60)
    | st.text(alphabet='{}[]",:0123456789eE.-+\\u dtruefalsn').map(str.encode)
)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(RequestRefusedError):
        load_json(body, decimal_number)


_COMPACT = {
    "a key twice": b'{"a":1,"a":1}',
    "a key twice, deep down": b'[[{"a":[{"b":{},"b":{}}]}]]',
    "19 digits": b"[1234567890123456789]",
    "21 digits": b"[123456789012345678901]",
    "U+0000": b'["\\u0000"]',
    "too deep": b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1),
    "far too deep": b"[" * 300 + b"]" * 300,
}


@pytest.mark.parametrize("body", _COMPACT.values(), ids=_COMPACT.keys())
def test_what_is_written_without_a_space_is_refused_as_well(body: bytes) -> None:
    with pytest.raises(RequestRefusedError):
        load_json(body, float_number)


def read(body: bytes) -> str:
    try:
        return repr(load_json(body, float_number))
    except RequestRefusedError:
        return "refused"


@given(body=_JSON.map(orjson.dumps) | st.text(alphabet='{}[]",:01eE.-+\\u').map(str.encode))
def test_a_space_changes_nothing(body: bytes) -> None:
    assert read(body) == read(b" " + body)


async def endless(counted: list[int]) -> AsyncIterator[bytes]:
    while True:
        counted.append(1 << 20)
        yield b"x" * (1 << 20)


async def test_a_body_without_end_is_read_only_up_to_the_limit() -> None:
    counted: list[int] = []

    with pytest.raises(RequestRefusedError) as refusal:
        await read_body(endless(counted))

    assert refusal.value.status == 413
    assert sum(counted) == BODY_BYTES_MAX + (1 << 20)
