"""A date without a time of day is the whole day (fqm-execution 371)."""

from tests.trials.playing import play


def test_a_visit_that_ends_on_the_day_on_which_it_began_is_taken(gateway: str) -> None:
    answers = play(gateway, "02")

    assert [answer.status for answer in answers] == [200] * 4
    assert not [each for answer in answers for each in answer.problems if each.startswith("error")]
    billed = [decision["billed"] for answer in answers for decision in answer.decisions.values()]
    assert billed == [32_000, 32_000, 32_000, 3_200_000]
