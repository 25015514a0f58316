"""The lives of payments: moves by the table, and the ledger's entries made from it."""

from typing import get_args

import pytest

from services.contract.payment import ClaimDecided, DirectPayDecided, Way
from services.contract.step import RuleRefusedError
from services.ledger.postings import EntryKind
from services.lives.entries import LIVES, entry_kinds, needs
from services.lives.life import Extent, Life, Move, Status, extent_of

_TABLE = {
    ("unknown", "ask"): "billed",
    ("billed", "decide"): "decided",
    ("decided", "reverse"): "reversed",
    ("reversed", "replace"): "replaced",
}


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
@pytest.mark.parametrize("move", get_args(Move))
@pytest.mark.parametrize("status", get_args(Status))
def test_a_life_moves_only_as_its_table_says(status: Status, move: Move, life: Life) -> None:
    if (status, move) in _TABLE:
        assert life.moved(status, move, "r1") == _TABLE[status, move]
        return

    with pytest.raises(RuleRefusedError, match=f"^{move}_of_{status}_request: r1; "):
        life.moved(status, move, "r1")


def test_there_is_a_life_for_each_way_to_pay() -> None:
    assert set(LIVES) == set(get_args(Way))
    assert all(life.way == way for way, life in LIVES.items())


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_every_extent_has_an_outcome_that_the_decision_can_say(life: Life) -> None:
    said = get_args(life.decision.model_fields["outcome"].annotation)

    assert set(life.outcomes) == set(get_args(Extent))
    assert sorted(life.outcomes.values()) == sorted(said)
    assert life.decision is {"direct_pay": DirectPayDecided, "claim": ClaimDecided}[life.way]


@pytest.mark.parametrize(
    ("billed", "left", "extent"),
    [(0, 0, "full"), (100, 0, "full"), (100, 100, "none"), (100, 1, "partly"), (100, 99, "partly")],
)
def test_the_extent_of_a_decision(billed: int, left: int, extent: Extent) -> None:
    assert extent_of(billed, left) == extent


def test_entries_follow_one_another_as_the_lives_say() -> None:
    assert entry_kinds() == ("billed", "decided", "reversed")
    assert needs() == {"billed": (), "decided": ("billed",), "reversed": ("decided",)}
    assert set(entry_kinds()) <= set(get_args(EntryKind))


def test_a_state_that_is_not_booked_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a reservation, once there is one: what is booked after it needs what was before."""
    moves = {
        ("unknown", "ask"): "billed",
        ("billed", "decide"): "replaced",
        ("replaced", "decide"): "reversed",
        ("decided", "reverse"): "reversed",
        ("unknown", "decide"): "decided",
    }
    planted = Life("claim", moves, ("billed", "decided", "reversed"), ClaimDecided, {})
    monkeypatch.setattr("services.lives.entries.LIVES", {"claim": planted})
    entry_kinds.cache_clear()
    needs.cache_clear()

    try:
        assert needs()["reversed"] == ("decided", "billed")
    finally:
        entry_kinds.cache_clear()
        needs.cache_clear()
