"""Blood pressure and the other numbers that a check-up finds."""

from typing import Any, Final

from services.simulator import fhir
from services.simulator.messages import Pen, loinc
from services.simulator.population import DAY_S

PANEL: Final = ("85354-9", "Blood pressure panel")
SYSTOLIC: Final = ("8480-6", "Systolic blood pressure")
DIASTOLIC: Final = ("8462-4", "Diastolic blood pressure")
SMOKING: Final = ("72166-2", "Tobacco smoking status")
BODY_MASS_INDEX: Final = ("39156-5", "Body mass index")
CHOLESTEROL: Final = ("2093-3", "Total cholesterol")

_MMHG: Final = "mm[Hg]"
_FULL_EFFECT_S: Final = 45 * DAY_S
"""How long treatment takes to lower the pressure by all that it can."""


def pressure(pen: Pen, treated_for: float | None) -> tuple[int, int]:
    """Return a noisy systolic and diastolic pressure in mmHg.

    treated_for: seconds since treatment began; None is untreated.
    """
    person = pen.person
    effect = 0.0
    if treated_for is not None:
        effect = min(1.0, max(0.0, treated_for) / _FULL_EFFECT_S) * (0.4 + 0.6 * person.adherence)
    systolic = round(person.systolic - 42 * effect + pen.chance.gauss(0, 4))
    diastolic = round(person.diastolic - 24 * effect + pen.chance.gauss(0, 3))
    return max(systolic, 88), min(max(diastolic, 48), max(systolic, 88) - 20)


def pressure_at_home(pen: Pen, at: float, treated_for: float | None) -> dict[str, Any]:
    """Return a home device's blood pressure as a CloudEvent."""
    systolic, diastolic = pressure(pen, treated_for)
    parts = [
        {"codes": [loinc(*code)], "value": value, "unit": _MMHG}
        for code, value in ((SYSTOLIC, systolic), (DIASTOLIC, diastolic))
    ]
    return pen.observed(at, f"/devices/bp-{pen.person.id}", PANEL, None, parts)


def check_up_findings(
    pen: Pen, visit_id: str, at: str, treated_for: float | None
) -> list[fhir.Resource]:
    """Return what a check-up measures: pressure, smoking, body mass index, cholesterol."""
    person = pen.person
    systolic, diastolic = pressure(pen, treated_for)

    def finding(code: tuple[str, str], value: dict[str, Any]) -> fhir.Resource:
        return fhir.observation(pen.new_id("o"), person, visit_id, code, at) | value

    def number(code: tuple[str, str], value: float, unit: str) -> fhir.Resource:
        return finding(code, {"valueQuantity": fhir.quantity(value, unit)})

    smoking = (
        ("449868002", "Smokes tobacco daily")
        if person.smoker
        else ("266919005", "Never smoked tobacco")
    )
    pressures = [
        {"code": fhir.concept(fhir.LOINC, *code), "valueQuantity": fhir.quantity(value, _MMHG)}
        for code, value in ((SYSTOLIC, systolic), (DIASTOLIC, diastolic))
    ]
    return [
        finding(PANEL, {"component": pressures}),
        finding(
            SMOKING, {"valueCodeableConcept": fhir.concept("http://snomed.info/sct", *smoking)}
        ),
        number(BODY_MASS_INDEX, person.bmi, "kg/m2"),
        number(CHOLESTEROL, person.cholesterol, "mmol/L"),
    ]
