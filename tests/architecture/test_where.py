"""What a stranger looks for is found on the first guess: `docs/where.md` says where."""

import re
from pathlib import Path

import pytest

from tests.architecture.test_docs import NAME, exists

PAGE = Path(__file__).parents[2] / "docs/where.md"
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in PAGE.read_text("utf-8").splitlines()
    if line.startswith("| ") and "?" in line
]


def test_ten_questions_are_answered() -> None:
    assert len(ROWS) >= 10


@pytest.mark.parametrize(("question", "answer"), ROWS)
def test_an_answer_names_places_that_exist(question: str, answer: str) -> None:
    names = NAME.findall(answer)
    files = [PAGE.parent / link for link in re.findall(r"\]\(([^)]+)\)", answer)]

    assert question.endswith("?")
    assert names or files
    assert [name for name in names if not exists(name)] == []
    assert [file for file in files if not file.exists()] == []
