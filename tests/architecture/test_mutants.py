"""A planted bug needs the text that it replaces: one that has moved on would no longer be planted."""

from pathlib import Path

import pytest

from tests.mutants.table import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_what_a_mutant_replaces_stands_exactly_once(mutant: Mutant) -> None:
    for path, old, _ in mutant.edits:
        assert (ROOT / path).read_text(encoding="utf-8").count(old) == 1, f"{path}: {old}"
