"""Every rule that has a day, a minute before midnight and a minute after it, in three zones.

A rule is written here as a question: has `day` begun for it, when something happens at a moment?
The answer is the clock's on the wall where it happened, or where the product counts.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Final

import pytest

from services.contract.care import ReferredToManagement, ReferredToRehabilitation
from services.contract.payment import PaymentRequested
from services.contract.visit import Code, VisitAdmitted, VisitDischarged
from services.gateway.doors.network import Membership, NetworkDirectory
from services.management.app import STAGE as MANAGEMENT
from services.rehabilitation.app import STAGE as REHABILITATION
from services.runtime.stage import Stage
from services.screening.app import STAGE as SCREENING
from services.treatment.app import STAGE as TREATMENT
from tests.unit.screening.facts import blood_pressure
from tests.unit.screening.moments import PLACES, after, first_minute, last_minute
from tests.unit.settlement.zoned import decided, product_of
from tests.unit.treatment.journey import IN_NETWORK, Journey, charge, cover

Begun = Callable[[str, date, datetime], bool]
"""Whether, to a rule, `day` has begun in a place at a moment."""


def service_day(place: str, day: date, moment: datetime) -> bool:
    return product_of(place).day_of(moment) >= day


def version(place: str, day: date, moment: datetime) -> bool:
    result = decided(moment, product_of(place, new=day), first=date(2020, 1, 1))
    return f"{place}@new/" in result.trace[0]["rule"]


def benefit_year(place: str, day: date, moment: datetime) -> bool:
    first = day.replace(year=day.year - 1)
    result = decided(moment, product_of(place, year="policy"), first=first)
    return result.consumed[0].year == day


def waiting_period(place: str, day: date, moment: datetime) -> bool:
    return _paid(place, moment, first=after(day, -31))


def first_day_of_a_cover(place: str, day: date, moment: datetime) -> bool:
    result = decided(moment, product_of(place), first=day)
    notes = [each["note"] for each in result.trace if each["rule"].endswith("/in_force")]
    return notes == [f"Cover c1 is in force on {product_of(place).day_of(moment)}."]


def last_day_of_a_cover(place: str, day: date, moment: datetime) -> bool:
    return not _paid(place, moment, first=date(2020, 1, 1), last=after(day, -1))


def _paid(place: str, moment: datetime, *, first: date, last: date | None = None) -> bool:
    result = decided(moment, product_of(place), first=first, last=last)
    return sum(part.paid for part in result.consumed) > 0


def network(_: str, day: date, moment: datetime) -> bool:
    owned = Membership.model_validate({"id": "h", "network": "owned", "from": day})
    return NetworkDirectory({"h": (owned,)}).tier("h", moment) == "owned"


def bill(_: str, day: date, moment: datetime) -> bool:
    journey = Journey(TREATMENT)
    journey.publish(charge("charge-1", 500), moment)
    journey.publish(VisitAdmitted(visit_id="visit-1", provider=IN_NETWORK), moment)
    journey.publish(_discharged(), moment)
    [request] = journey.heard(PaymentRequested)
    return request.service_date >= day


def _discharged() -> VisitDischarged:
    return VisitDischarged(visit_id="visit-1", visit_class="inpatient", provider=IN_NETWORK)


def _tells_the_insurer(stage: Stage, fact: object) -> Begun:
    """Whether a milestone of a stage is told to an insurer whose cover begins on the day."""

    def begun(_: str, day: date, moment: datetime) -> bool:
        journey = Journey(stage)
        journey.publish(cover("c", day, None, "insurer-new"), moment)
        said = journey.publish(fact, moment)
        told = [each.insurers for each in said if hasattr(each, "insurers")]
        assert told, "the fact reaches a milestone"
        return all(insurers == ("insurer-new",) for insurers in told)

    return begun


REFERRED: Final = ReferredToRehabilitation(
    pathway="stroke",
    visit_id="visit-1",
    discharged_on=date(2026, 1, 1),
    codes=(Code(system="http://snomed.info/sct", code="230690007"),),
    reason="discharged after a stroke",
)

RULES: Final[dict[str, Begun]] = {
    "the service day": service_day,
    "the product's version": version,
    "the benefit year": benefit_year,
    "the waiting period": waiting_period,
    "a cover's first day": first_day_of_a_cover,
    "a cover's last day": last_day_of_a_cover,
    "the network": network,
    "the bill": bill,
    "the insurers in force, screening": _tells_the_insurer(SCREENING, blood_pressure(118, 76)),
    "the insurers in force, management": _tells_the_insurer(
        MANAGEMENT,
        ReferredToManagement(pathway="hypertension", stratum="low", reason="two", rule="test"),
    ),
    "the insurers in force, treatment": _tells_the_insurer(TREATMENT, _discharged()),
    "the insurers in force, rehabilitation": _tells_the_insurer(REHABILITATION, REFERRED),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("place", "day"), PLACES)
def test_a_day_begins_a_minute_after_midnight_and_not_a_minute_before(rule, place, day) -> None:
    moments = {
        last_minute(place, after(day, -1)): False,
        first_minute(place, day): True,
        last_minute(place, day): True,
        first_minute(place, after(day)): True,
    }

    assert {moment: RULES[rule](place, day, moment) for moment in moments} == moments
