"""FINDRISC: the risk of type 2 diabetes within ten years, in points from 0 to 26.

Source: Lindström J, Tuomilehto J. The diabetes risk score. Diabetes Care 2003;26:725-731, with the
points and bands of the Finnish Diabetes Association's form (a first-degree relative 5, a second-
degree relative 3; low is below 7). Another print gives one point from 35 years of age: not this one.
"""

from typing import Final

from services.pathways.criteria import Part, View
from services.pathways.guideline import Screening
from services.pathways.verdict import Verdict
from services.terminology.lookup import questions

BANDS: Final = (
    (21, "very_high"),
    (15, "high"),
    (12, "moderate"),
    (7, "slightly_elevated"),
    (0, "low"),
)
"""From so many points on: one in two, three, six, 25 and a hundred fall ill within ten years."""

AGE_POINTS: Final = ((65, 4), (55, 3), (45, 2), (0, 0))

WAIST_CM: Final = {"male": (94, 102), "female": (80, 88)}
"""From the first on 3 points, above the second 4."""

ANSWER_POINTS: Final = {
    "findrisc_activity": {"no": 2, "yes": 0},
    "findrisc_vegetables": {"no": 1, "yes": 0},
    "findrisc_pressure_drug": {"yes": 2, "no": 0},
    "findrisc_high_glucose": {"yes": 5, "no": 0},
    "findrisc_family": {"first_degree": 5, "second_degree": 3, "none": 0},
}


def findrisc(view: View, screening: Screening) -> Verdict | None:
    """Return the band of the score; None while one of its eight inputs is not known."""
    del screening  # the form has no other tables
    parts = [_age(view), _body_mass(view), _waist(view), *_answers(view)]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    points = sum(int(part.points or 0) for part in known)
    band = next(name for least, name in BANDS if points >= least)
    counted = tuple(part for part in known if part.points)
    total = Part(factor="FINDRISC", value=f"{points} points", points=points)
    return Verdict(f"{points}:{band}", band, (total, *counted))


def _age(view: View) -> Part | None:
    age = view.record.age(view.day)
    if age is None:
        return None
    least, most = (next((points for years, points in AGE_POINTS if one >= years), 0) for one in age)
    if least != most:
        return None
    return Part(factor="age", value=f"{age} years", points=least)


def _body_mass(view: View) -> Part | None:
    reading = view.reading("body_mass_index")
    value = None if reading is None else reading.converted("body_mass_index")
    if reading is None or value is None:
        return None
    points = 3 if value > 30 else 1 if value >= 25 else 0
    return Part(factor="body mass index", value=reading.text, points=points)


def _waist(view: View) -> Part | None:
    reading, limits = view.reading("waist"), WAIST_CM.get(view.record.sex)
    value = None if reading is None else reading.converted("waist")
    if reading is None or limits is None or value is None:
        return None
    points = 4 if value > limits[1] else 3 if value >= limits[0] else 0
    return Part(factor="waist", value=reading.text, points=points)


def _answers(view: View) -> list[Part | None]:
    parts: list[Part | None] = []
    for question, table in ANSWER_POINTS.items():
        answer = view.record.answer(question)
        name = questions()[question].name or question
        parts.append(
            None
            if answer is None
            else Part(factor=name, value=answer.words, points=table[answer.meaning])
        )
    return parts
