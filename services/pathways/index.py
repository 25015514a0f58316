"""The pathways that there are: every folder here with a `guideline.toml`."""

import importlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError

from services.pathways.guideline import Edition, Guideline
from services.pathways.verdict import Score

GUIDELINE: Final = "guideline.toml"


class GuidelineError(ValueError):
    """A guideline cannot be used; the text names the file, the line's place, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Pathway:
    """One condition: its guideline, and the functions of its `rules.py` by name."""

    guideline: Guideline
    scores: Mapping[str, Score]

    @property
    def id(self) -> str:
        """The pathway's name, which is that of its folder."""
        return self.guideline.pathway

    def on(self, day: date) -> Edition:
        """Return the edition in force on `day`."""
        return self.guideline.on(day)

    def rule(self, edition: Edition, line: str) -> str:
        """Return how a decision names the line that spoke: `<pathway>@<edition>/<line>`."""
        return f"{self.id}@{edition.id}/{line}"


@cache
def pathways() -> Mapping[str, Pathway]:
    """Return all pathways by name, read once.

    Raises:
        GuidelineError: a guideline is incomplete or contradicts itself.
    """
    folders = sorted(
        folder.name
        for folder in resources.files("services.pathways").iterdir()
        if (folder / GUIDELINE).is_file()
    )
    return MappingProxyType({name: _read(name) for name in folders})


def _read(name: str) -> Pathway:
    package = f"services.pathways.{name}"
    text = (resources.files(package) / GUIDELINE).read_text("utf-8")
    guideline = read_guideline(name, text)
    return Pathway(guideline, scores_of(package, guideline))


def read_guideline(name: str, text: str) -> Guideline:
    """Return the guideline of the folder `name`, out of the text of its file.

    Raises:
        GuidelineError: it is incomplete or contradicts itself.
    """
    try:
        # TOML has arrays where the shape has tuples.
        guideline = Guideline.model_validate(tomllib.loads(text), strict=False)
    except tomllib.TOMLDecodeError as error:
        raise GuidelineError(f"{name}/{GUIDELINE}: {error}") from error
    except ValidationError as error:
        raise GuidelineError(f"{name}/{GUIDELINE}: {_listed(error)}") from error
    if guideline.pathway != name:
        raise GuidelineError(f"{name}/{GUIDELINE}: pathway is {guideline.pathway!r}, not {name!r}")
    return guideline


def _listed(error: ValidationError) -> str:
    """Return each problem with its place in the file."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems]
    )


def scores_of(package: str, guideline: Guideline) -> Mapping[str, Score]:
    """Return the functions that a guideline names, out of its package's `rules.py`.

    Raises:
        GuidelineError: there is no such function, or a factor has a weight that `WEIGHTS` there
            does not name.
    """
    screenings = [one.screening for one in guideline.editions if one.screening is not None]
    wanted = {one.score for one in screenings if one.score is not None}
    if not wanted:
        return {}
    rules = importlib.import_module(f"{package}.rules")
    missing = [name for name in sorted(wanted) if not hasattr(rules, name)]
    if missing:
        raise GuidelineError(f"{package}.rules has no function {', '.join(missing)}")
    known = getattr(rules, "WEIGHTS", ())
    for factor in [factor for one in screenings for factor in one.factors]:
        if factor.weight not in known:
            raise GuidelineError(
                f"{package}: factors: weight {factor.weight!r} is none of {', '.join(known)}"
            )
    return {name: getattr(rules, name) for name in wanted}
