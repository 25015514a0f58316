"""A change of a state is seen by mypy: misspell a field, or give it the wrong type, and it is red."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from services.contract.change import changed
from services.settlement.state import SettlementState

_ROOT = Path(__file__).parents[2]
_SERVICES = sorted((_ROOT / "services").rglob("*.py"))
_HEAD = """
from services.contract.change import changed
from services.settlement.state import Remembered, SettlementState

def f(state: SettlementState, row: Remembered) -> object:
    return """
_RIGHT = ("changed(state, forgotten=1)", "row._replace(billed=1)")
_WRONG = (
    "changed(state, forgoten=1)",
    'changed(state, forgotten="one")',
    "row._replace(biled=1)",
    'row._replace(billed="one")',
)


def test_mypy_sees_each_change_of_a_state(tmp_path: Path) -> None:
    """All in one run: it takes seconds to read the types."""
    for number, change in enumerate((*_RIGHT, *_WRONG)):
        (tmp_path / f"change_{number}.py").write_text(f"{_HEAD}{change}\n")

    answer = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "."],
        cwd=tmp_path,
        env={"MYPYPATH": str(_ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    red = {line.partition(":")[0] for line in answer.stdout.splitlines() if ": error: " in line}
    wrong = range(len(_RIGHT), len(_RIGHT) + len(_WRONG))
    ours = {name for name in red if name.startswith("change_")}
    assert ours == {f"change_{number}.py" for number in wrong}, answer.stdout


def test_a_change_of_a_field_that_is_not_there_is_refused_also_at_run_time() -> None:
    with pytest.raises(TypeError, match="SettlementState has no field forgoten"):
        changed(SettlementState(), forgoten=1)  # type: ignore[call-arg]


def test_nothing_is_changed_past_mypy() -> None:
    """Neither by `model_copy(update=…)`, nor by a change whose names stand in a dictionary."""
    places = [
        f"{path.relative_to(_ROOT)}:{node.lineno}"
        for path in _SERVICES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _is_unseen(node)
    ]

    assert places == []


def _is_unseen(call: ast.Call) -> bool:
    function, keywords = call.func, {keyword.arg for keyword in call.keywords}
    name = function.attr if isinstance(function, ast.Attribute) else ""
    name = function.id if isinstance(function, ast.Name) else name
    if name == "model_copy":
        return "update" in keywords
    return name in ("_replace", "replace", "changed") and None in keywords
