"""Journeys through management are of hypertension alone, however many pathways there are."""

import pytest

from tests.unit.pathways.stand_ins import hypertension, only


@pytest.fixture(scope="module", autouse=True)
def _hypertension_alone():
    with only(hypertension()):
        yield
