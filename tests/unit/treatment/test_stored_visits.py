"""Visits in the store: bare rows, and still readable where they stand with the names of fields."""

import json

import pytest
from pydantic import TypeAdapter, ValidationError

from services.contract.visit import VisitDischarged
from services.treatment.app import STAGE
from services.treatment.state import Charge, TreatmentState, Visit
from tests.unit.treatment.journey import IN_NETWORK, Journey, charge, cover, day

STORED = TypeAdapter(TreatmentState)
DEFAULTS = {"phase": "awaited", "charges": [], "needs": [], "version": 0, "unbilled": []}


@pytest.fixture
def state() -> TreatmentState:
    journey = Journey(STAGE)
    journey.publish(cover("c1", day(0).date()), day(0))
    journey.publish(charge("charge-1", 60_00, 40_00), day(1))
    journey.publish(
        VisitDischarged(visit_id="visit-1", visit_class="ambulatory", provider=IN_NETWORK), day(2)
    )
    journey.publish(charge("charge-2", 5, visit_id="visit-2"), day(3))
    return journey.state


def test_visits_stored_with_the_names_of_their_fields_are_read_like_bare_rows(state):
    stored = json.loads(STORED.dump_json(state, exclude_defaults=True))

    stored["visits"] = [_named(row) for row in stored["visits"]]

    assert set(stored["visits"][1]) == {"visit_id", "touched", "charges", "unbilled"}
    read = STORED.validate_json(json.dumps(stored))
    assert read == state
    assert read.visits[0].charges[0].amount == 100_00


def test_a_stored_visit_that_is_none_is_not_read(state):
    stored = json.loads(STORED.dump_json(state, exclude_defaults=True))

    stored["visits"][0][Visit._fields.index("phase")] = "vanished"

    with pytest.raises(ValidationError, match="Input should be 'awaited'"):
        STORED.validate_json(json.dumps(stored))


def _named(row):
    """A visit as it was stored once: by name, and without what has its default."""
    visit = dict(zip(Visit._fields, row, strict=True))
    visit["charges"] = [dict(zip(Charge._fields, one, strict=True)) for one in visit["charges"]]
    return {
        name: value
        for name, value in visit.items()
        if value not in (None, False) and value != DEFAULTS.get(name)
    }
