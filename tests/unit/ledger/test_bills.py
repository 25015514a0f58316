"""The ledger reads less of a payment event than the contract says, and nothing else."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from services.contract.event import EventData
from services.contract.registry import BY_TYPE
from services.ledger.bills import BOOKED
from tests.contracts.examples import PATHS, body

_EXAMPLES = [
    (model, body(path)["data"])
    for model in BOOKED
    for path in PATHS
    if path.parent.name == model.TYPE
]
_WRONG: tuple[Any, ...] = (None, -1, "", "two words", 7.5, 10**16, [], {})


def _places(read: Any, *above: str | int) -> Iterator[tuple[str | int, ...]]:
    """Yield where each value stands that is read, whole values before their parts."""
    if above:
        yield above
    parts = (
        read.items()
        if isinstance(read, dict)
        else enumerate(read)
        if isinstance(read, list)
        else ()
    )
    for name, part in parts:
        yield from _places(part, *above, name)


def _with(said: Any, place: tuple[str | int, ...], value: object) -> bytes:
    changed = deepcopy(said)
    inside = changed
    for name in place[:-1]:
        inside = inside[name]
    inside[place[-1]] = value
    return orjson.dumps(changed)


def _is_part_of(read: Any, said: Any) -> bool:
    if isinstance(read, dict):
        return all(name in said and _is_part_of(part, said[name]) for name, part in read.items())
    if isinstance(read, list):
        return len(read) == len(said) and all(map(_is_part_of, read, said))
    return bool(read == said)


def _is_accepted(model: type[EventData], said: bytes) -> bool:
    try:
        model.model_validate_json(said)
    except ValidationError:
        return False
    return True


def test_there_is_an_example_of_all_that_is_booked() -> None:
    assert {model for model, _ in _EXAMPLES} == set(BOOKED)


@pytest.mark.parametrize(("model", "said"), _EXAMPLES)
def test_what_is_read_is_part_of_what_was_said(model: type[EventData], said: Any) -> None:
    read = model.model_validate_json(orjson.dumps(said))

    assert _is_part_of(read.model_dump(mode="json"), said)


@pytest.mark.parametrize(("model", "said"), _EXAMPLES)
def test_what_the_contract_refuses_of_it_the_ledger_refuses_and_nothing_else(
    model: type[EventData], said: Any
) -> None:
    read = model.model_validate_json(orjson.dumps(said)).model_dump(mode="json")

    for place in _places(read):
        for value in _WRONG:
            changed = _with(said, place, value)
            agreed = _is_accepted(BY_TYPE[model.TYPE], changed)
            assert _is_accepted(model, changed) is agreed, (place, value)


@pytest.mark.parametrize(("model", "said"), _EXAMPLES)
def test_an_amount_that_is_one_off_is_seen_where_the_contract_sees_it(
    model: type[EventData], said: Any
) -> None:
    read = model.model_validate_json(orjson.dumps(said)).model_dump(mode="json")
    amounts = [place for place in _places(read) if isinstance(_at(read, place), int)]

    assert amounts
    for place in amounts:
        changed = _with(said, place, _at(said, place) + 1)
        assert _is_accepted(model, changed) is _is_accepted(BY_TYPE[model.TYPE], changed), place


def _at(said: Any, place: tuple[str | int, ...]) -> Any:
    for name in place:
        said = said[name]
    return said
