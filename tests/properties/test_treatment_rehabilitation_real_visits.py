"""Ten years of visits written by Synthea: the same bills, whatever order the facts come in."""

import json
import os
import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from services.contract.payment import PaymentRequested, ReversalRequested
from services.contract.topics import DEAD_LETTERS, PAYMENT_EVENTS
from services.gateway.acceptance.order import ordered
from services.gateway.doors.fhir.bundle import Context, translate
from services.gateway.doors.network import load_network
from services.rehabilitation.app import STAGE as REHABILITATION
from services.runtime.inprocess import InProcess
from services.treatment.app import STAGE as TREATMENT

ROOT = Path(os.environ.get("CARELOOP_TESTDATA", Path(__file__).parents[3] / "shared" / "testdata"))
BUNDLES = sorted((ROOT / "synthea-r4").glob("*.json"))
TODAY = datetime(2026, 11, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not BUNDLES, reason=f"no Synthea bundles under {ROOT}")


def facts_of(path):
    body = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    entries = translate(body, Context(load_network(), TODAY)).entries
    return ordered(fact for entry in entries for fact in entry.facts)


def bills_in_force(members):
    """Publish each member's facts in the given order; return the requests that stand."""
    city = InProcess([TREATMENT, REHABILITATION], partitions=2)
    city.tick(TODAY)
    for facts in members:
        for fact in facts:
            city.publish(fact.data, at=fact.time, member=fact.member)
    city.run()
    assert list(city.log.all_rows(DEAD_LETTERS)) == []
    standing = {}
    for event in city.events(PAYMENT_EVENTS):
        if isinstance(event.data, ReversalRequested):
            del standing[event.data.request_id]
        elif isinstance(event.data, PaymentRequested):
            standing[event.data.request_id] = event.data
    return sorted(
        (bill.episode, bill.billed, bill.service_date, bill.provider.network)
        for bill in standing.values()
    )


def test_all_visits_are_billed_to_the_cent_in_any_order():
    members = [facts_of(path) for path in BUNDLES]
    shuffled = [random.Random(7).sample(facts, len(facts)) for facts in members]

    bills, bills_of_shuffled = bills_in_force(members), bills_in_force(shuffled)

    assert len(bills) == 128
    assert sum(billed for _, billed, *_ in bills) == 2_084_629
    assert bills_of_shuffled == bills
