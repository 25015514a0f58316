"""Whose word an event is: its type's one producer, or of several the one that its source names."""

import pytest

from services.contract.catalog import catalog, producer_of
from services.contract.payment import PaymentRequested

SHARED = PaymentRequested.TYPE
SOLE = sorted(entry.type for entry in catalog().values() if len(entry.producers) == 1)


@pytest.mark.parametrize("kind", SOLE)
def test_a_type_of_one_producer_is_that_ones_whatever_its_source(kind: str) -> None:
    assert producer_of(kind, "urn:hospital:1") == catalog()[kind].producers[0]


@pytest.mark.parametrize("stage", ["treatment", "rehabilitation"])
def test_of_several_producers_the_source_names_the_one(stage: str) -> None:
    assert producer_of(SHARED, f"/careloop/{stage}") == stage


@pytest.mark.parametrize("source", ["/careloop/settlement", "urn:hospital:1", ""])
def test_a_source_that_is_none_of_them_is_nobodys(source: str) -> None:
    assert producer_of(SHARED, source) is None


def test_an_unknown_type_is_nobodys() -> None:
    assert producer_of("careloop.unheard.of.v9", "/careloop/treatment") is None
