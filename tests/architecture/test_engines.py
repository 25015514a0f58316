"""The stages, settlement and the gateway name no disease, panel, question or instrument."""

import ast
import re
from pathlib import Path

import pytest

from services.pathways.index import pathways
from services.terminology.lookup import known_diagnoses, measures, panels, questions

_ROOT = Path(__file__).parents[2]
_ENGINES = (
    "screening", "management", "treatment", "rehabilitation", "settlement", "gateway", "timeline",
)  # fmt: skip
_SOURCES = sorted(path for name in _ENGINES for path in (_ROOT / "services" / name).rglob("*.py"))
_NAMES = {*pathways(), *known_diagnoses(), *panels(), *measures(), *questions()}


def clinical_names(source: str) -> list[str]:
    """Return the clinical names in the identifiers and strings of a module, not in its docstrings."""
    tree = ast.parse(source)
    told = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    texts: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            texts.append(node.value)
        for field in ("id", "attr", "name", "arg", "module"):
            text = getattr(node, field, None)
            if isinstance(text, str):
                texts.append(text)
    found = "\n".join(texts).lower().replace("_", " ")
    return sorted(
        name
        for name in _NAMES
        if re.search(rf"(?<![a-z]){re.escape(name.replace('_', ' '))}(?![a-z])", found)
    )


@pytest.mark.parametrize("path", _SOURCES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_an_engine_names_no_disease(path):
    assert clinical_names(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('if pathway == "stroke":\n    pass', ["stroke"]),
        ("from services.pathways.hypertension import rules", ["hypertension"]),
        ("def refer_stroke(): ...", ["stroke"]),
        ('WATCHED = ("blood_pressure",)', ["blood_pressure"]),
        ('"""Such as a stroke."""\nstrokes = 1', []),
    ],
)
def test_a_planted_name_is_seen(source, names):
    assert clinical_names(source) == names
