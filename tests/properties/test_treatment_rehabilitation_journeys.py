"""Whatever order the facts of a visit come in, what is asked equals what is owed."""

from collections import defaultdict
from datetime import UTC, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.contract.care import (
    ReferralWithdrawn,
    ReferredToRehabilitation,
    RehabilitationFinished,
)
from services.contract.clinical import ConditionRecorded
from services.contract.member import CoverEnded
from services.contract.payment import PaymentRequested, ReversalRequested
from services.contract.step import RuleRefusedError
from services.contract.visit import (
    ChargeVoided,
    Code,
    Provider,
    VisitAdmitted,
    VisitCancelled,
    VisitDischarged,
    VisitRegistered,
)
from services.member.calendar import local_day
from services.rehabilitation.app import STAGE as REHABILITATION
from services.treatment.app import STAGE as TREATMENT
from tests.unit.rehabilitation.test_courses import attended, barthel, missed, referred
from tests.unit.treatment.journey import Journey, charge, cover, day

VISITS = st.sampled_from(["visit-1", "visit-2", "visit-3"])
CHARGES = st.sampled_from([f"charge-{number}" for number in range(6)])
PROVIDERS = st.builds(Provider, id=st.just("h"), network=st.sampled_from(["owned", "out"]))
DAYS = st.integers(-60, 60)
NEVER = -1_000
ZONES = (UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-5)))
CODES = (Code(system="http://snomed.info/sct", code="230690007"),)


class VisitsInAnyOrder(RuleBasedStateMachine):
    """Drives treatment, and keeps its own simple books of what each visit owes."""

    def __init__(self):
        super().__init__()
        self.journey = Journey(TREATMENT, clock=day(0))
        self.charges = defaultdict(dict)
        self.ends = defaultdict(set)
        self.undone = {}
        self.voids = set()
        self.gone = {}
        self.read = 0
        self.asked = {}

    def publish(self, data, when):
        """Publish; return whether it was taken. A refusal keeps the very same state."""
        before = self.journey.state
        there = when.astimezone(ZONES[self.journey.count % len(ZONES)])
        try:
            self.journey.publish(data, there)
        except RuleRefusedError:
            assert self.journey.state is before
            return False
        return True

    def end(self, visit):
        """When the visit ended, by the last discharge that no cancellation withdraws."""
        standing = [when for when in self.ends[visit] if when > self.undone.get(visit, NEVER)]
        return max(standing, default=None) if visit not in self.gone else None

    def is_late(self, visit, when):
        """Whether the visit was cancelled before; what happened earlier counts for nothing."""
        return visit in self.gone and when > self.gone[visit]

    @rule(visit=VISITS, provider=PROVIDERS, when=DAYS)
    def register(self, visit, provider, when):
        fact = VisitRegistered(visit_id=visit, visit_class="ambulatory", provider=provider)
        self.publish(fact, day(when))

    @rule(visit=VISITS, provider=PROVIDERS, when=DAYS)
    def admit(self, visit, provider, when):
        self.publish(VisitAdmitted(visit_id=visit, provider=provider), day(when))

    @rule(visit=VISITS, provider=PROVIDERS, when=DAYS)
    def discharge(self, visit, provider, when):
        fact = VisitDischarged(visit_id=visit, visit_class="inpatient", provider=provider)
        taken = self.publish(fact, day(when))

        assert taken is not (self.is_late(visit, when) or when == self.end(visit))
        if taken:
            self.ends[visit].add(when)

    @rule(visit=VISITS, when=DAYS)
    def cancel_discharge(self, visit, when):
        taken = self.publish(
            VisitCancelled(visit_id=visit, cancels="discharge", reason="x"), day(when)
        )

        assert taken is not self.is_late(visit, when)
        self.undone[visit] = max(when, self.undone.get(visit, NEVER))

    @rule(visit=st.sampled_from(["visit-2", "visit-3"]), when=DAYS)
    def cancel_visit(self, visit, when):
        taken = self.publish(VisitCancelled(visit_id=visit, cancels="visit", reason="x"), day(when))

        assert taken is not self.is_late(visit, when)
        self.gone.setdefault(visit, when)
        self.charges.pop(visit, None)

    @rule(visit=VISITS, name=CHARGES, amounts=st.lists(st.integers(0, 999), min_size=1, max_size=3))
    def post(self, visit, name, amounts):
        taken = self.publish(charge(name, *amounts, visit_id=visit), day(0))

        known = self.charges[visit]
        assert taken is not (name in known or self.is_late(visit, 0))
        if (visit, name) in self.voids:
            self.voids.remove((visit, name))
        elif taken and visit not in self.gone:
            self.charges[visit] = {**known, name: sum(amounts)}

    @precondition(lambda self: any(self.charges.values()))
    @rule(data=st.data())
    def void(self, data):
        posted = [(visit, name) for visit, names in self.charges.items() for name in names]
        visit, name = data.draw(st.sampled_from(sorted(posted)))

        assert self.publish(ChargeVoided(charge_id=name, visit_id=visit, reason="x"), day(0))
        del self.charges[visit][name]

    @rule(name=CHARGES)
    def void_first(self, name):
        """A void overtakes its charge; of an id that was voided before it is refused."""
        if name not in self.charges["visit-1"] and self.publish(
            ChargeVoided(charge_id=name, visit_id="visit-1", reason="x"), day(0)
        ):
            self.voids.add(("visit-1", name))

    @rule(visit=VISITS, when=DAYS)
    def diagnose(self, visit, when):
        fact = ConditionRecorded(condition_id="c", codes=CODES, status="active", visit_id=visit)
        self.publish(fact, day(when))

    @rule(start=DAYS, length=st.integers(0, 90), name=st.sampled_from(["a", "b"]))
    def learn_of_cover(self, start, length, name):
        first = day(start).date()
        self.publish(cover(name, first, first + timedelta(days=length)), day(start))

    @rule(last=DAYS, name=st.sampled_from(["a", "b"]))
    def end_cover(self, last, name):
        ended = CoverEnded(cover_id=name, last_day=day(last).date(), reason="x")
        self.publish(ended, day(last))

    @invariant()
    def requests_less_reversals_are_the_charges_of_discharged_visits(self):
        for draft in self.journey.said[self.read :]:
            if isinstance(draft.data, ReversalRequested):
                # A reversal names a request in force.
                del self.asked[draft.data.request_id]
            elif isinstance(draft.data, PaymentRequested):
                episodes = [request.episode for request in self.asked.values()]
                assert draft.data.episode not in episodes
                assert draft.data.request_id not in self.asked
                self.asked[draft.data.request_id] = draft.data
        self.read = len(self.journey.said)

        owed = {
            visit: sum(names.values())
            for visit, names in self.charges.items()
            if names and self.end(visit) is not None
        }
        assert {r.episode: r.billed for r in self.asked.values()} == owed

    @invariant()
    def what_is_asked_is_as_of_what_is_known(self):
        visits = {visit.visit_id: visit for visit in self.journey.state.visits}
        for request in self.asked.values():
            assert request.service_time == visits[request.episode].began
            assert request.service_date == local_day(request.service_time)
            assert request.provider == visits[request.episode].provider

    @invariant()
    def a_referral_stands_only_for_a_discharged_visit(self):
        standing = set()
        for draft in self.journey.said:
            if isinstance(draft.data, ReferredToRehabilitation):
                assert draft.data.visit_id not in standing
                standing.add(draft.data.visit_id)
            elif isinstance(draft.data, ReferralWithdrawn):
                standing.remove(draft.data.visit_id)
        assert standing <= {visit for visit in self.ends if self.end(visit) is not None}


TestVisitsInAnyOrder = VisitsInAnyOrder.TestCase
TestVisitsInAnyOrder.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, print_blob=True
)


@st.composite
def rehabilitation_facts(draw):
    """Up to 30 facts and ticks, in the order of the log; times go back and forth."""
    facts = []
    for number in range(draw(st.integers(1, 30))):
        when = day(draw(st.integers(-200, 200)))
        kind = draw(st.sampled_from(["score", "attended", "missed", "referred", "tick"]))
        if kind == "score":
            facts.append((barthel(5 * draw(st.integers(0, 20))), when))
        elif kind == "attended":
            facts.append((attended(number), when))
        elif kind == "missed":
            facts.append((missed(number), when))
        elif kind == "referred":
            facts.append((referred(0, draw(st.sampled_from(["visit-1", "visit-2"]))), when))
        else:
            facts.append((None, when))
    return facts


@settings(max_examples=150, deadline=None, print_blob=True)
@given(rehabilitation_facts())
def test_every_course_ends_at_most_once_and_silence_ends_it(facts):
    journey, clock = Journey(REHABILITATION, clock=day(-200)), day(-200)

    for data, when in facts:
        clock = max(clock, when)
        if data is None:
            journey.tick(clock)
        else:
            journey.publish(data, when)
        wake_at = journey.state.wake_at
        assert (wake_at is None) is (journey.state.courses == ())
    for number in range(1, 9):
        journey.tick(clock + timedelta(days=100 * number))

    started = sum(getattr(d.data, "milestone", None) == "started" for d in journey.said)
    ended = len(journey.heard(RehabilitationFinished))
    assert journey.state.courses == ()
    assert ended <= started
    assert (ended > 0) is (started > 0)


@settings(max_examples=100, deadline=None, print_blob=True)
@given(st.lists(st.integers(0, 20).map(lambda step: step * 5), min_size=1, max_size=12))
def test_the_gain_is_told_on_the_scores_that_were_taken(scores):
    journey = Journey(REHABILITATION)
    journey.publish(referred(), day(0))

    for number, score in enumerate(scores):
        journey.publish(barthel(score), day(1 + 20 * number))

    for end in journey.heard(RehabilitationFinished):
        assert end.baseline == scores[0]
        assert end.final in scores
        if end.outcome == "goal_reached":
            assert end.final >= end.baseline or end.baseline == 100
