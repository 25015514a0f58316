"""Every modifier element and status of FHIR R4 that could be met is in a column of ours."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from services.gateway.doors.fhir.modifiers import columns
from services.gateway.doors.fhir.people import SEXES
from services.gateway.doors.fhir.statuses import CONCEPTS, INTENTS, STATUSES
from tests.contracts.r4 import extract

STORED: Final = Path(__file__).with_name("r4.json")
R4: Final[dict[str, Any]] = json.loads(STORED.read_text())
JARS: Final = sorted(
    Path.home().glob(".m2/repository/ca/uhn/hapi/fhir/hapi-fhir-validation-resources-r4/*/*.jar")
)
WEIGHTY: Final = {"Claim.use", "Observation.dataAbsentReason"}
"""Elements that R4 does not mark, and that decide as much."""


def column_of(path: str) -> list[str]:
    """Return the columns that an element stands in, under its path or its name alone."""
    names = {path, path.rpartition(".")[2]}
    return [column for column, rows in columns().items() if names & rows.keys()]


@pytest.mark.parametrize("path", R4["modifiers"])
def test_every_modifier_element_is_in_one_column(path: str) -> None:
    assert len(column_of(path)) == 1, (
        "understood, noted, refused or unread: modifiers.toml has to say"
    )


def test_no_column_has_what_is_no_modifier_element() -> None:
    known = {name for path in R4["modifiers"] for name in (path, path.rpartition(".")[2])}
    named = {path for rows in columns().values() for path in rows}

    assert named - known == WEIGHTY
    assert all(reason for rows in columns().values() for reason in rows.values())


def test_every_code_of_a_required_value_set_is_read_and_no_other() -> None:
    ours = {f"{kind}.status": set(codes) for kind, codes in STATUSES.items()}
    ours["Encounter.status"].add("unknown")  # refused by its name
    ours["MedicationRequest.intent"] = set(INTENTS["MedicationRequest"])
    ours["Claim.use"] = set(INTENTS["Claim"])
    ours |= {f"Condition.{name}": set(codes) for name, codes in CONCEPTS.items()}
    ours["Patient.gender"] = {name for name in SEXES if name}

    assert ours == {path: set(R4["required"][path]) for path in ours}


@pytest.mark.skipif(not JARS, reason="needs the published definitions, see tests/contracts/r4.py")
def test_the_stored_list_is_what_the_published_definitions_say() -> None:
    assert extract(JARS[-1]) == R4
