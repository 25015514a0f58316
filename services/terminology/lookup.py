"""The one lookup for codes: what a code, a measurement or an answer means to the rules."""

import tomllib
from collections.abc import Container, Iterable, Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from services.contract.visit import Code

ICD_PREFIXES: Final = (5, 4, 3)
"""Lengths of an ICD-10 code without its dot, the longest first."""


class Table(BaseModel):
    """A part of a table as it is written in TOML: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _System(Table):
    names: tuple[str, ...]
    contains: str | None = None


class _Diagnosis(Table):
    icd_10: tuple[str, ...]
    snomed: tuple[str, ...]
    lasting: bool = False


class Coded(Table):
    """Codes of one meaning, by system."""

    loinc: tuple[str, ...] = ()
    snomed: tuple[str, ...] = ()
    careloop: tuple[str, ...] = ()

    @property
    def codes(self) -> list[tuple[str, str]]:
        """The codes, each with what the tables call its system."""
        systems = (("loinc", self.loinc), ("snomed", self.snomed), ("careloop", self.careloop))
        return [(system, code) for system, codes in systems for code in codes]


class Measure(Coded):
    """What is measured, in which units, and what is possible; see `measures.toml`."""

    name: str | None = None
    unit: str
    units: Mapping[str, float | tuple[float, float]] = Field(default_factory=dict)
    keeps_unit: bool = False
    range: tuple[float, float] | None = None
    digits: int

    @property
    def is_score(self) -> bool:
        """Whether it is a number of points, which has no unit."""
        return not self.units

    def unit_named(self, text: str) -> str | None:
        """Return the unit that a text means, whatever its case and spaces; None for no known one.

        Senders write mmHg as `mm Hg` or `MM[HG]` (UCUM without regard to case), mmol/L as `mmol/l`.
        """
        if text in self.units:
            return text
        plain = _plain(text)
        return next((unit for unit in self.units if _plain(unit) == plain), None)

    def converted(self, value: float, unit: str) -> float:
        """Return a value in the measure's unit, to the decimals that are kept of it."""
        if unit == self.unit:
            return float(round(value, self.digits))
        how = self.units[unit]
        factor, offset = how if isinstance(how, tuple) else (how, 0.0)
        return float(round(value * factor + offset, self.digits))


def _plain(unit: str) -> str:
    return "".join(unit.split()).casefold()


class Panel(Table):
    """Measures that make one reading; a measure in no panel is a panel of its own."""

    measures: tuple[str, ...]
    within_minutes: int = 0
    descending: bool = False
    shown: str | None = None


class _Answer(Coded):
    words: tuple[str, ...] = ()


class Question(Coded):
    """A question with the meanings that its answers can have; see `answers.toml`."""

    name: str | None = None
    worst_first: tuple[str, ...]
    answers: Mapping[str, _Answer]


@lru_cache(maxsize=1024)
def system_of(name: str) -> str | None:
    """Return what the tables call a code system, by any of its names; None for another one."""
    for system, row in _systems().items():
        if name in row.names or (row.contains and row.contains in name.lower()):
            return system
    return None


def diagnoses(codes: Iterable[Code]) -> tuple[str, ...]:
    """Return, sorted and once each, what the codes of one condition mean; often nothing."""
    found = {name for code in codes for name in meanings(code)}
    return tuple(sorted(found))


def meanings(code: Code) -> tuple[str, ...]:
    """Return the diagnoses that one code stands for."""
    return _meanings(code.system, code.code)


def is_lasting(diagnosis: str) -> bool:
    """Whether a history of the diagnosis counts as much as the disease itself."""
    return _diagnoses()[diagnosis].lasting


def measure_of(codes: Iterable[Code]) -> str | None:
    """Return the measure that an observation's codes name; None if no table has it."""
    return _named(codes, measures())


def question_of(codes: Iterable[Code]) -> str | None:
    """Return the question that an observation's codes name; None if no table has it."""
    return _named(codes, questions())


def answer_of(question: str, answer: Iterable[Code], text: str | None) -> str | None:
    """Return what an answer means; a code goes before words. None says nothing."""
    table = _answers(question)
    for code in answer:
        found = table.get((system_of(code.system), code.code))
        if found is not None:
            return found
    return table.get((None, (text or "").strip().lower()))


def _named(codes: Iterable[Code], names: Container[str]) -> str | None:
    table = _by_code()
    for code in codes:
        found = table.get((system_of(code.system), code.code))
        if found is not None and found in names:
            return found
    return None


@cache
def measures() -> Mapping[str, Measure]:
    """Return the measures by name."""
    rows = _read("measures.toml")["measures"]
    return {name: Measure.model_validate(row) for name, row in rows.items()}


@cache
def panels() -> Mapping[str, Panel]:
    """Return the panels by name, those of a single measure included."""
    stated = _read("measures.toml")["panels"]
    found = {name: Panel.model_validate(row) for name, row in stated.items()}
    inside = {measure for panel in found.values() for measure in panel.measures}
    alone = {name: Panel(measures=(name,)) for name in measures() if name not in inside}
    return found | alone


@cache
def panel_of(measure: str) -> str:
    """Return the panel that a measure is read in."""
    return next(name for name, panel in panels().items() if measure in panel.measures)


@cache
def questions() -> Mapping[str, Question]:
    """Return the questions by name."""
    return {name: Question.model_validate(row) for name, row in _read("answers.toml").items()}


@cache
def known_diagnoses() -> frozenset[str]:
    """Return the names of all diagnoses."""
    return frozenset(_diagnoses())


def _read(name: str) -> dict[str, Any]:
    text = (resources.files("services.terminology") / name).read_text("utf-8")
    return tomllib.loads(text)


@cache
def _systems() -> Mapping[str, _System]:
    return {name: _System.model_validate(row) for name, row in _read("systems.toml").items()}


@cache
def _diagnoses() -> Mapping[str, _Diagnosis]:
    return {name: _Diagnosis.model_validate(row) for name, row in _read("diagnoses.toml").items()}


@cache
def _by_diagnosis_code() -> Mapping[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for name, row in _diagnoses().items():
        for system, codes in (("icd_10", row.icd_10), ("snomed", row.snomed)):
            for code in codes:
                found[system, code] = (*found.get((system, code), ()), name)
    return found


@lru_cache(maxsize=8192)
def _meanings(system_name: str, code: str) -> tuple[str, ...]:
    system, table = system_of(system_name), _by_diagnosis_code()
    if system == "snomed":
        return table.get((system, code), ())
    if system == "icd_10":
        plain = code.upper().replace(".", "")
        prefixes = (plain[:length] for length in ICD_PREFIXES)
        return next((table[system, one] for one in prefixes if (system, one) in table), ())
    return ()


@cache
def _by_code() -> Mapping[tuple[str | None, str], str]:
    found: dict[tuple[str | None, str], str] = {}
    for name, row in (*measures().items(), *questions().items()):
        found |= dict.fromkeys(row.codes, name)
    return found


@cache
def _answers(question: str) -> Mapping[tuple[str | None, str], str]:
    found: dict[tuple[str | None, str], str] = {}
    for meaning, row in questions()[question].answers.items():
        found |= dict.fromkeys(row.codes, meaning)
        found |= {(None, words): meaning for words in row.words}
    return found
