"""A value is copied as pydantic copies it, only sooner."""

from copy import copy
from datetime import date

import pytest
from pydantic import BaseModel, ValidationError

from services.contract.member import CoverTerms

_TERMS = CoverTerms(
    cover_id="c1", product="p", insurer="i", valid_from=date(2024, 1, 1), valid_to=None
)


def test_a_copy_is_what_pydantic_itself_would_make():
    mine, theirs = copy(_TERMS), BaseModel.__copy__(_TERMS)

    assert mine == theirs == _TERMS
    assert {name: getattr(mine, name) for name in BaseModel.__slots__} == {
        name: getattr(theirs, name) for name in BaseModel.__slots__
    }


def test_a_changed_copy_leaves_the_original_as_it_was():
    changed = _TERMS.model_copy(update={"valid_to": date(2024, 6, 1)})

    assert (_TERMS.valid_to, changed.valid_to) == (None, date(2024, 6, 1))
    assert changed.model_dump() == {**_TERMS.model_dump(), "valid_to": date(2024, 6, 1)}


def test_a_copy_is_as_frozen_as_the_original():
    with pytest.raises(ValidationError, match="frozen"):
        copy(_TERMS).insurer = "other"
