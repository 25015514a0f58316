"""Whose a record is, said by its headers alone, before anything of it is decoded."""

import pytest

from services.contract.codec import producer_in
from services.contract.payment import PaymentRequested
from services.contract.visit import VisitCancelled

SHARED, FACT = PaymentRequested.TYPE.encode(), VisitCancelled.TYPE.encode()


@pytest.mark.parametrize(
    ("headers", "producer"),
    [
        ({"ce_type": FACT, "ce_source": b"/hospitals/riverside"}, "gateway"),
        ({"ce_type": FACT}, "gateway"),
        ({"ce_type": SHARED, "ce_source": b"/careloop/treatment"}, "treatment"),
        ({"ce_type": SHARED, "ce_source": b"/careloop/rehabilitation"}, "rehabilitation"),
        ({"ce_type": SHARED, "ce_source": b"rehabilitation\xff"}, None),
        ({"ce_type": SHARED, "ce_source": b"/hospitals/riverside"}, None),
        ({"ce_type": SHARED}, None),
        ({"ce_type": b"\xff", "ce_source": b"/careloop/treatment"}, None),
        ({}, None),
    ],
)
def test_a_record_is_its_types_one_producers_or_the_one_that_its_source_names(headers, producer):
    assert producer_in(headers) == producer
