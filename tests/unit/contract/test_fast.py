"""What is done faster is what the plain way does."""

from hypothesis import given
from hypothesis import strategies as st

from services.contract.fast import as_json
from services.contract.frozen import Frozen


class _Part(Frozen):
    text: str | None
    number: int


class _Whole(Frozen):
    parts: tuple[_Part, ...]


PARTS = st.builds(_Part, text=st.none() | st.text(max_size=50), number=st.integers())


@given(st.builds(_Whole, parts=st.lists(PARTS, max_size=4).map(tuple)))
def test_json_is_what_pydantic_writes_to_the_byte(whole):
    assert as_json(whole) == whole.model_dump_json().encode()


def test_a_whole_number_of_any_size_is_written():
    whole = _Whole(parts=(_Part(text=None, number=1 << 70),))

    assert b'"number":%d' % (1 << 70) in as_json(whole)
