"""A number without its unit, or in one that no rule knows, is refused at the door with the reason."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest

from services.gateway.doors.cloudevents.reader import Received
from services.gateway.doors.cloudevents.translation import event_group
from services.gateway.doors.fhir.bundle import Context, translate
from services.gateway.doors.network import load_network
from services.member.reading import Reading, read
from services.terminology.lookup import measures
from tests.gateways import cloud_event

LOINC: Final = "http://loinc.org"
MEASURED: Final = [(name, measure) for name, measure in measures().items() if not measure.is_score]
NO_UNITS: Final = (None, "furlong", "mol/mmol", "kg", "Pa ")


def coding(measure) -> dict[str, Any]:
    return {"coding": [{"system": LOINC, "code": measure.loinc[0]}]}


def quantity(value: float, code: str | None, unit: str | None = None) -> dict[str, Any]:
    given = {"value": value, "code": code, "unit": unit}
    return {name: each for name, each in given.items() if each is not None}


def observed(part: dict[str, Any], code: dict[str, Any], *, as_component: bool) -> Any:
    """Read an observation with a value of its own, or with that of a component."""
    said: dict[str, Any] = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "subject": {"reference": "Patient/m1"},
        "effectiveDateTime": "2026-03-01T09:00:00+08:00",
    }
    if as_component:
        said |= {"code": {"text": "panel"}, "component": [{"code": code, "valueQuantity": part}]}
    else:
        said |= {"code": code, "valueQuantity": part}
    return taken(said)


def taken(said: dict[str, Any]) -> Any:
    exact = json.loads(json.dumps(said), parse_float=Decimal)
    (entry,) = translate(exact, Context(load_network(), datetime(2026, 3, 9, tzinfo=UTC))).entries
    return entry


def told(measure, value: float, unit: str | None, version: str) -> Any:
    data = {
        "observation_id": "o1",
        "codes": [{"system": LOINC, "code": measure.loinc[0]}],
        "value": value,
        "unit": unit,
        "visit_id": None,
    }
    if version == "v2":
        data |= {"text": None, "components": []}
    event = cloud_event(f"careloop.observation.recorded.{version}", data)
    return event_group(Received(event, event["data"], ""), load_network())


@pytest.mark.parametrize("unit", NO_UNITS)
@pytest.mark.parametrize("name", [name for name, _ in MEASURED])
def test_a_value_without_a_known_unit_is_refused_at_every_door(name: str, unit: str | None) -> None:
    measure = measures()[name]
    if unit is not None and measure.unit_named(unit):
        pytest.skip("a known unit of this measure")
    for as_component in (False, True):
        entry = observed(quantity(7, unit), coding(measure), as_component=as_component)
        assert [each.severity for each in entry.problems] == ["error"]
        assert measure.unit in entry.problems[0].says
        assert "no unit" in entry.problems[0].says or repr(unit) in entry.problems[0].says
    for version in ("v1", "v2"):
        group = told(measure, 7, unit, version)
        assert [each.place for each in group.problems] == ["data.unit"]
        assert not group.facts


@pytest.mark.parametrize(
    ("name", "unit"), [(name, unit) for name, measure in MEASURED for unit in measure.units]
)
def test_a_known_unit_is_read_however_it_is_spelled(name: str, unit: str) -> None:
    measure = measures()[name]
    for spelled in (unit, unit.lower(), unit.upper(), f" {unit} ", " ".join(unit)):
        as_code = observed(quantity(7, spelled), coding(measure), as_component=False)
        in_words = observed(quantity(7, None, spelled), coding(measure), as_component=True)
        assert not as_code.problems, spelled
        assert as_code.facts[0].data.unit == in_words.facts[0].data.components[0].unit == unit


@pytest.mark.parametrize(
    ("systolic", "diastolic", "unit"),
    [(162, 101, "mm[Hg]"), (162, 101, "mm Hg"), (162, 101, "mm HG"), (21.6, 13.5, "kPa")],
)
def test_a_pressure_is_the_same_in_whichever_unit(
    systolic: float, diastolic: float, unit: str
) -> None:
    parts = [("8480-6", systolic), ("8462-4", diastolic)]
    said = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "85354-9"}]},
        "subject": {"reference": "Patient/m1"},
        "effectiveDateTime": "2026-03-01T09:00:00+08:00",
        "component": [
            {
                "code": {"coding": [{"system": LOINC, "code": code}]},
                "valueQuantity": {"value": value, "unit": unit},
            }
            for code, value in parts
        ],
    }
    (fact,) = taken(said).facts
    (reading,) = read(fact.data, fact.time)
    assert isinstance(reading, Reading)
    assert reading.text == "162/101 mmHg"


def test_what_no_table_knows_may_have_any_unit_or_none() -> None:
    unknown = {"coding": [{"system": LOINC, "code": "8867-4"}]}

    for unit in (None, "/min", "beats"):
        assert not observed(quantity(72, unit), unknown, as_component=False).problems
