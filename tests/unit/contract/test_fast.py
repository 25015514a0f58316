"""What is done faster is what the plain way does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contract.fast import as_json, texts
from services.contract.visit import VisitCancelled


@given(st.text(max_size=200, alphabet=st.characters(exclude_characters="\0")))
def test_json_is_what_pydantic_writes_to_the_byte(reason):
    data = VisitCancelled.model_construct(visit_id="v1", cancels="visit", reason=reason)

    assert as_json(data) == data.model_dump_json().encode()


@given(st.dictionaries(st.text(), st.binary()))
def test_texts_are_those_of_each_value_alone(values):
    try:
        plain = {name: value.decode() for name, value in values.items()}
    except UnicodeDecodeError:
        plain = None
    if plain and any("\0" in text for text in plain.values()):
        plain = None

    assert texts(values) == plain


@pytest.mark.parametrize("value", [b"\xff", b"a\0b", b"\0"])
def test_what_is_no_text_is_told(value):
    assert texts({"a": b"fine", "b": value}) is None
