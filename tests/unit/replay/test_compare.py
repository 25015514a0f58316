"""A log that follows from its facts has no difference; every planted one is found."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.contract.care import RiskStratified
from services.contract.clinical import ObservationRecorded
from services.contract.codec import Record
from services.contract.step import Draft, Step
from services.contract.topics import CARE_MILESTONES, DEAD_LETTERS, HEALTH_EVENTS
from services.replay.difference import Kind
from services.runtime.dead_letters import Place, dead_letter
from services.runtime.inprocess import InProcess
from tests.counting_stage import STAGE, decide
from tests.unit.replay.recorded_run import (
    DAY_ONE,
    PARTITIONS,
    counted_run,
    observation,
    record_of,
    verified,
    with_header,
)


@pytest.fixture
def log():
    return counted_run()


def remove(log, place):
    topic, partition, index = place
    return log.records[topic, partition].pop(index)


def insert(log, place, record):
    topic, partition, index = place
    log.records[topic, partition].insert(index, record)


def append(log, place, record):
    topic, partition, _ = place
    log.records[topic, partition].append(record)


def change(log, place, record):
    topic, partition, index = place
    log.records[topic, partition][index] = record


def text(report):
    return "\n".join(line for each in report.shown for line in each.lines())


def test_an_honest_log_has_no_difference_and_everything_in_it_is_counted(log):
    report = verified(log)

    assert report.differences == 0
    counts = report.stages["screening"]
    stratified, letters = 4 * 3 + 4, 4
    assert counts.recorded == counts.regenerated == stratified + letters
    assert counts.inputs == sum(log.manifest.end_offsets[HEALTH_EVENTS])
    assert report.facts["gateway"].recorded == 4 * 4
    assert report.facts["clock"].recorded == 2 * PARTITIONS, "both input topics have one"


def test_a_changed_byte_in_a_derived_value_is_shown_as_a_diff_of_its_json(log):
    place = log.of_type(RiskStratified.TYPE)[3]
    record = log.at(place)
    change(log, place, record._replace(value=record.value.replace(b'"none"', b'"nine"')))

    report = verified(log)

    assert report.kinds == {Kind.DIFFERENT: 1}
    assert '-  "stratum": "nine",' in text(report)
    assert '+  "stratum": "none",' in text(report)


def test_a_changed_header_is_shown(log):
    place = log.of_type(RiskStratified.TYPE)[0]
    change(log, place, with_header(log.at(place), "ce_subject", b"somebody-else"))

    report = verified(log)

    assert report.kinds == {Kind.DIFFERENT: 1}
    assert "-ce_subject: somebody-else" in text(report)


def test_headers_in_another_order_are_a_difference(log):
    place = log.of_type(RiskStratified.TYPE)[0]
    record = log.at(place)
    change(log, place, record._replace(headers=record.headers[::-1]))

    report = verified(log)

    assert report.kinds == {Kind.DIFFERENT: 1}


def test_a_derived_record_that_is_not_there_is_missing(log):
    topic, partition, index = log.of_type(RiskStratified.TYPE)[0]
    remove(log, (topic, partition, index))

    report = verified(log)

    # Everything after it stands one offset earlier, which the dead letters tell as well.
    assert report.kinds[Kind.MISSING] >= 1
    assert "not in the log: screening on health-events" in text(report)


def test_a_dead_letter_that_is_not_there_is_missing(log):
    assert log.records[DEAD_LETTERS, 0], "the partition must have a dead letter to lose"
    remove(log, (DEAD_LETTERS, 0, 0))

    report = verified(log)

    assert report.differences == 1
    assert "deadletter-refused-by: screening" in text(report)


def test_the_next_number_in_a_household_that_nothing_leads_to_is_not_regenerated(log):
    place = log.of_type(RiskStratified.TYPE)[-1]
    record = log.at(place)
    number = int(dict(record.headers)["ce_sequence"]) + 1
    append(log, place, with_header(record, "ce_sequence", str(number).encode()))

    report = verified(log)

    assert report.kinds == {Kind.EXTRA: 1}


def test_a_record_of_a_stage_on_a_topic_it_never_writes_is_not_regenerated(log):
    record = log.at(log.of_type(RiskStratified.TYPE)[0])
    append(log, (CARE_MILESTONES, 0, 0), record)

    report = verified(log)

    assert report.kinds == {Kind.EXTRA: 1}


def test_a_derived_record_without_a_number_is_not_regenerated(log):
    place = log.of_type(RiskStratified.TYPE)[0]
    append(log, (CARE_MILESTONES, 0, 0), with_header(log.at(place), "ce_sequence", b"0"))

    report = verified(log)

    assert report.kinds == {Kind.EXTRA: 1}


def test_two_derived_records_that_changed_places_are_out_of_order(log):
    first, second = log.of_type(RiskStratified.TYPE)[-2:]
    one, other = log.at(first), log.at(second)
    change(log, first, other)
    change(log, second, one)

    report = verified(log)

    assert Kind.OUT_OF_ORDER in report.kinds


def test_a_changed_rule_differs_and_is_shown_once_for_each_household(log):
    def stricter(state, event, at):
        step = decide(state, event, at)
        said = tuple(
            Draft(each.data.model_copy(update={"stratum": "high"}), each.time)
            for each in step.outputs
        )
        return Step(step.state, said)

    report = verified(log, replace(STAGE, decide=stricter))

    assert report.kinds == {Kind.DIFFERENT: 12}
    assert len(report.shown) == 4
    assert '+  "stratum": "high",' in text(report)


def test_a_rule_that_says_less_leaves_records_that_are_not_regenerated(log):
    report = verified(log, replace(STAGE, decide=lambda state, _event, _at: Step(state, ())))

    assert report.kinds == {Kind.EXTRA: 4 * 4 + 4}


def test_a_gap_in_the_numbers_of_a_fact_is_reported():
    run = InProcess([STAGE], partitions=PARTITIONS)
    for hour in range(3):
        run.publish(observation(hour), at=DAY_ONE + timedelta(hours=hour))
    whole = record_of(run)
    remove(whole, whole.of_type(ObservationRecorded.TYPE)[1])

    report = verified(whole)

    assert report.kinds[Kind.GAP] == 1
    assert "member-1, number 2 is missing" in text(report)


def test_offsets_that_are_missing_are_reported_and_nothing_is_compared_behind_them(log):
    log.missing_offsets.add((HEALTH_EVENTS, 0, 0))

    report = verified(log)

    assert report.kinds[Kind.HOLE] == 1
    assert Kind.EXTRA not in report.kinds


def test_a_log_that_ends_before_its_manifest_says_so(log):
    last = len(log.records[HEALTH_EVENTS, 1]) - 1
    log.missing_offsets.add((HEALTH_EVENTS, 1, last))

    report = verified(log)

    assert report.kinds[Kind.HOLE] == 1


def test_repeats_of_a_restarted_worker_are_counted_and_tolerated(log):
    places = log.of_type(RiskStratified.TYPE)[-3:]
    for place in places:
        append(log, place, log.at(place))
    letters = log.records[DEAD_LETTERS, 0]
    letters.append(letters[0])

    report = verified(log)

    assert report.differences == 0
    assert report.stages["screening"].repeated == 4


def test_a_repeat_with_other_bytes_is_a_difference(log):
    place = log.of_type(RiskStratified.TYPE)[0]
    append(log, place, with_header(log.at(place), "ce_subject", b"somebody-else"))

    report = verified(log)

    assert report.kinds == {Kind.CONFLICT: 1}
    assert "+ce_subject: somebody-else" in text(report)


def test_a_fact_that_came_twice_with_other_bytes_is_a_difference(log):
    place = log.of_type(ObservationRecorded.TYPE)[0]
    append(log, place, log.at(place)._replace(value=b"{}"))

    report = verified(log)

    assert report.kinds == {Kind.CONFLICT: 1}
    assert report.facts["gateway"].differences[Kind.CONFLICT] == 1


def test_a_record_of_no_known_type_is_a_difference_unless_a_dead_letter_answers_for_it(log):
    strange = Record(b"m-1", b"\xff\x00", (("ce_type", b"careloop.moon.risen.v1"),))
    append(log, (CARE_MILESTONES, 0, 0), strange)
    append(log, (CARE_MILESTONES, 0, 0), strange)
    place = Place(CARE_MILESTONES, 0, 1)
    append(log, (DEAD_LETTERS, 0, 0), dead_letter(strange, place, "subscriptions", "no such type"))

    report = verified(log)

    assert report.kinds == {Kind.UNKNOWN_TYPE: 1}
    assert report.refused == 1
    assert report.facts["subscriptions"].recorded == 1


def test_a_log_that_is_not_drained_differs_and_says_how_much_is_unanswered():
    run = InProcess([STAGE], partitions=1)
    for hour in range(3):
        run.publish(observation(hour), at=DAY_ONE + timedelta(hours=hour))
    run.run()
    for hour in range(3, 5):
        run.publish(observation(hour), at=DAY_ONE + timedelta(hours=hour))
    under_way = record_of(run)

    report = verified(under_way)

    assert report.kinds == {Kind.NOT_YET: 2}
    end = report.under_way["screening", HEALTH_EVENTS]
    assert (end.inputs, end.outputs) == (2, 2)


def test_no_more_differences_are_kept_than_asked_for_and_all_are_counted(log):
    def silent(state, _event, _at):
        return Step(state, ())

    report = verified(log, replace(STAGE, decide=silent), show=2)

    assert len(report.shown) == 2
    assert report.differences == 4 * 4 + 4


def test_an_error_in_a_rule_names_the_stage_and_the_offsets(log):
    def broken(_state, _event, _at):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        verified(log, replace(STAGE, decide=broken))

    assert "while screening folded health-events/0 offsets 0–" in caught.value.__notes__[0]
