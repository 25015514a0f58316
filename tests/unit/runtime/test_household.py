"""How a household is stored: the same state gives the same bytes, whichever way it came about."""

from dataclasses import dataclass
from datetime import UTC, datetime

from services.contract.step import State
from services.runtime.household import Household, decode_household


@dataclass(frozen=True)
class Remembered(State):
    """A state whose fields are not in the order of the alphabet."""

    second: int = 0
    first: str = ""


def household(*members: str) -> Household[Remembered]:
    home = Household(Remembered, version=3, received={"gateway": 2, "clock": 1})
    for member in members:
        state = Remembered(wake_at=datetime(2026, 1, 1, tzinfo=UTC), second=2, first="one")
        home.put(member, state)
    return home


def test_what_was_stored_and_read_is_stored_again_as_the_same_bytes() -> None:
    stored = household("m-1").encode()

    again = decode_household(stored, Remembered).encode()

    assert again == stored


def test_a_state_that_was_read_back_and_one_just_decided_are_stored_alike() -> None:
    read_back = decode_household(household("m-1").encode(), Remembered)
    read_back.put("m-2", Remembered(second=5))
    at_once = household("m-1")
    at_once.put("m-2", Remembered(second=5))

    assert read_back.encode() == at_once.encode()


def test_the_order_in_which_members_came_does_not_show() -> None:
    assert household("m-1", "m-2").encode() == household("m-2", "m-1").encode()
