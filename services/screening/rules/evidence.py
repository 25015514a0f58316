"""What observations and diagnoses say about a member, folded by the day they are true of.

The later day wins, whatever the order of arrival; of one day, the worse. So ten years of history
give the same picture in any order.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final, TypeVar

from services.contract.blood_pressure import LOINC
from services.contract.clinical import ConditionRecorded, ObservationRecorded
from services.contract.diagnoses import Diagnosis, diagnoses
from services.contract.step import RuleRefusedError
from services.screening.state import Factor, FactorName, Finding, ScreeningState

T = TypeVar("T")

LASTING: Final[frozenset[Diagnosis]] = frozenset(
    {
        "stroke",
        "coronary_disease",
        "heart_failure",
        "atrial_fibrillation",
        "peripheral_artery_disease",
        "advanced_kidney_disease",
        "diabetes_with_complications",
    }
)
"""A history of these counts as much as the disease itself: `resolved` does not take them away."""

LIMITS: Final[dict[str, tuple[FactorName, dict[str, tuple[float, ...]]]]] = {
    "2093-3": ("total cholesterol", {"mmol/L": (5.2,), "mg/dL": (200,)}),
    "18262-6": ("LDL cholesterol", {"mmol/L": (3.4,), "mg/dL": (130,)}),
    "13457-7": ("LDL cholesterol", {"mmol/L": (3.4,), "mg/dL": (130,)}),
    "4548-4": ("HbA1c", {"%": (6.5,), "mmol/mol": (48,)}),
    "39156-5": ("body mass index", {"kg/m2": (24, 28)}),
}
"""LOINC code -> factor, and per UCUM unit the values from which on the level is 1, 2.

2018 Chinese guideline, section 4.2 (dyslipidaemia, obesity, diabetes by HbA1c); overweight from
24 kg/m2 is of the National Basic Public Health Service Specification. Each unit has the limit that
the guideline prints for it, since 200 mg/dL is 5.17 mmol/L and printed as 5.2."""

HDL_LOINC: Final = "2085-9"
HDL_BELOW: Final = {"mmol/L": 1.0, "mg/dL": 40.0}
"""Of HDL cholesterol, the low value is the risk."""

SMOKING_LOINC: Final = "72166-2"
SMOKING_YES: Final = ("current", "every day", "some day", "daily", "smokes", "heavy", "light")
SMOKING_NO: Final = ("never", "former", "ex-smoker", "non-smoker", "not smoking")
"""Words of the answers of LOINC list LL2201-3 and their SNOMED CT names; "no" is looked for first.
Any other answer, such as "unknown", says nothing."""

SMOKING_YES_SNOMED: Final = frozenset(
    {"449868002", "428041000124106", "77176002", "428071000124103", "428061000124105", "65568007"}
)


def with_condition(state: ScreeningState, data: ConditionRecorded, day: date) -> ScreeningState:
    """Return the state that knows of a diagnosis; the same state if that is nothing new."""
    for name in diagnoses(data.codes):
        active = data.status == "active" or name in LASTING
        new = Finding(name=name, day=day, active=active)
        old = next((finding for finding in state.findings if finding.name == name), None)
        if old is not None and (old.day, old.active) >= (new.day, new.active):
            continue
        others = (finding for finding in state.findings if finding.name != name)
        findings = tuple(sorted((*others, new), key=lambda finding: finding.name))
        state = state.model_copy(update={"findings": findings})
    return state


def with_factor(state: ScreeningState, data: ObservationRecorded, day: date) -> ScreeningState:
    """Return the state that knows of a risk factor; the same state if that is nothing new.

    Raises:
        RuleRefusedError: a value in a unit that is not known for its code.
    """
    new = _factor(data, day)
    if new is None:
        return state
    old = state.factor(new.name)
    if old is not None and (old.day, old.level, old.value) >= (new.day, new.level, new.value):
        return state
    others = (factor for factor in state.factors if factor.name != new.name)
    factors = tuple(sorted((*others, new), key=lambda factor: factor.name))
    return state.model_copy(update={"factors": factors})


def _factor(data: ObservationRecorded, day: date) -> Factor | None:
    for code in data.codes:
        if code.system != LOINC:
            continue
        if code.code == SMOKING_LOINC:
            return _smoking(data, day)
        if data.value is None:
            continue
        if code.code == HDL_LOINC:
            limit = _of_unit(data, code.code, HDL_BELOW)
            level = 1 if data.value < limit else 0
            return _measured("HDL cholesterol", data, day, level)
        if code.code in LIMITS:
            name, by_unit = LIMITS[code.code]
            limits = _of_unit(data, code.code, by_unit)
            return _measured(name, data, day, sum(data.value >= limit for limit in limits))
    return None


def _measured(name: FactorName, data: ObservationRecorded, day: date, level: int) -> Factor:
    return Factor(name=name, day=day, level=level, value=f"{data.value:.4g} {data.unit}")


def _smoking(data: ObservationRecorded, day: date) -> Factor | None:
    answer = (data.text or "").strip()
    words = answer.lower()
    if any(word in words for word in SMOKING_NO):
        level = 0
    elif answer in SMOKING_YES_SNOMED or any(word in words for word in SMOKING_YES):
        level = 1
    else:
        return None
    return Factor(name="smoking", day=day, level=level, value=answer[:60])


def _of_unit(data: ObservationRecorded, loinc: str, by_unit: Mapping[str, T]) -> T:
    if data.unit is None or data.unit not in by_unit:
        raise RuleRefusedError(
            f"observation {data.observation_id}: LOINC {loinc} has the unit {data.unit!r}; "
            f"known are {', '.join(by_unit)}"
        )
    return by_unit[data.unit]
