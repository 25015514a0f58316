"""A day is that of the place where it happened: a minute before midnight there, and one after."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from services.contract.care import QualityFlagged, ReferredToRehabilitation, ReferredToTreatment
from services.contract.clinical import ConditionRecorded, SessionAttended
from services.contract.milestones import TreatmentMilestone
from services.contract.payment import PaymentRequested
from services.contract.visit import Code, VisitAdmitted, VisitDischarged
from services.rehabilitation.app import STAGE as REHABILITATION
from services.treatment.app import STAGE as TREATMENT
from tests.unit.treatment.journey import IN_NETWORK, Journey, charge, cover

STROKE = Code(system="http://snomed.info/sct", code="230690007")
SHANGHAI, NEW_YORK, APIA = (timezone(timedelta(hours=hours)) for hours in (8, -5, 13))
OLD_YEAR, NEW_YEAR = date(2025, 12, 31), date(2026, 1, 1)

# What was told in UTC says nothing of where, and is read in the scheme's zone: 16:00Z is midnight.
AROUND_MIDNIGHT = [
    *[
        (datetime(2025, 12, 31, 23, 59, tzinfo=zone), OLD_YEAR)
        for zone in (SHANGHAI, NEW_YORK, APIA)
    ],
    *[(datetime(2026, 1, 1, 0, 1, tzinfo=zone), NEW_YEAR) for zone in (SHANGHAI, NEW_YORK, APIA)],
    (datetime(2025, 12, 31, 15, 59, tzinfo=UTC), OLD_YEAR),
    (datetime(2025, 12, 31, 16, 1, tzinfo=UTC), NEW_YEAR),
]
a_minute_from_midnight = pytest.mark.parametrize(("moment", "day"), AROUND_MIDNIGHT)


def covered(stage):
    """A member whose insurer changes with the year."""
    journey = Journey(stage)
    journey.publish(cover("old", date(2025, 1, 1), OLD_YEAR, "insurer-old"), AROUND_MIDNIGHT[0][0])
    journey.publish(cover("new", NEW_YEAR, None, "insurer-new"), AROUND_MIDNIGHT[0][0])
    return journey


def admitted():
    return VisitAdmitted(visit_id="visit-1", provider=IN_NETWORK)


def discharged(visit_id="visit-1"):
    return VisitDischarged(visit_id=visit_id, visit_class="inpatient", provider=IN_NETWORK)


@a_minute_from_midnight
def test_a_visit_is_of_the_day_it_began_where_it_began(moment, day):
    journey = covered(TREATMENT)
    journey.publish(admitted(), moment)
    journey.publish(charge("charge-1", 500), moment)

    journey.publish(discharged(), moment + timedelta(days=9))

    [request] = journey.heard(PaymentRequested)
    assert (request.service_date, request.service_time) == (day, moment)
    assert request.service_time.utcoffset() == moment.utcoffset()


@a_minute_from_midnight
def test_the_insurer_of_the_day_is_told(moment, day):
    journey = covered(TREATMENT)

    journey.publish(admitted(), moment)

    [told] = journey.heard(TreatmentMilestone)
    assert told.insurers == (("insurer-old",) if day == OLD_YEAR else ("insurer-new",))
    assert told.pathway is None


@a_minute_from_midnight
def test_a_referral_says_the_day_of_the_discharge(moment, day):
    journey = Journey(TREATMENT)
    condition = ConditionRecorded(
        condition_id="c", codes=(STROKE,), status="active", visit_id="visit-1"
    )
    journey.publish(condition, moment)

    journey.publish(discharged(), moment)

    assert [told.discharged_on for told in journey.heard(ReferredToRehabilitation)] == [day]


@a_minute_from_midnight
def test_a_remark_is_of_the_day_it_was_made(moment, day):
    journey = Journey(TREATMENT)
    journey.publish(discharged("visit-0"), moment)
    journey.publish(ReferredToTreatment(pathway="stroke", reason="dizzy", urgency="urgent"), moment)

    journey.publish(admitted(), moment + timedelta(days=2))

    [flagged] = journey.heard(QualityFlagged)
    assert f"{day}: management referred, urgent: dizzy" in flagged.detail


@a_minute_from_midnight
def test_a_session_is_of_the_day_it_took_place(moment, day):
    journey = covered(REHABILITATION)
    attended = SessionAttended(
        session_id="s", mode="home", provider=IN_NETWORK, currency="CNY", price=5
    )

    [request] = journey.publish(attended, moment)

    assert (request.service_date, request.service_time) == (day, moment)


def test_a_beginning_learnt_late_that_moves_only_the_schemes_day_is_asked_anew():
    noon_there = datetime(2026, 1, 1, 12, 1, tzinfo=NEW_YORK)  # 1 January, 01:01 a day later here
    journey = Journey(TREATMENT)
    journey.publish(charge("charge-1", 500), noon_there)
    journey.publish(discharged(), noon_there)

    said = journey.publish(admitted(), noon_there - timedelta(hours=3))

    [request] = [data for data in said if isinstance(data, PaymentRequested)]
    assert request.service_date == NEW_YEAR
    assert request.service_time == noon_there - timedelta(hours=3)
