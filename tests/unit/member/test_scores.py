"""A score is no reading: it has no unit, and its scale is an instrument's to say."""

from datetime import UTC, datetime

import pytest

from services.contract.clinical import ObservationRecorded
from services.contract.visit import Code
from services.member.reading import read
from services.member.record import MemberRecord, noted

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("value", "unit"), [(50.0, None), (50.0, "points"), (4200.0, "{score}")])
def test_a_barthel_total_is_kept_by_nobody_who_reads_pressures(value, unit):
    total = ObservationRecorded(
        observation_id="observation-1",
        codes=(Code(system="http://loinc.org", code="96761-2"),),
        value=value,
        unit=unit,
        text=None,
        components=(),
        visit_id=None,
    )
    record = MemberRecord()

    assert read(total, NOON) == ()
    assert noted(record, total, NOON).record is record
