"""How a score is read on a pathway's instrument, and which goal and dose follow from it."""

from services.contract.clinical import ObservationRecorded
from services.contract.step import RuleRefusedError
from services.pathways.rehabilitation import Dose, Instrument, Rehabilitation
from services.terminology.lookup import measures


def read_score(data: ObservationRecorded, instrument: Instrument) -> float:
    """Return the score that an observation of the instrument's measure states.

    Raises:
        RuleRefusedError: no value, one that is not on the scale, or an unknown unit.
    """
    value = _in_its_unit(data, instrument)
    if value is None or not instrument.has(value):
        name, low, high = instrument.score_name, instrument.low, instrument.high
        raise RuleRefusedError(
            f"observation {data.observation_id} states a {name} of {value}: it must be a multiple "
            f"of {instrument.step:g} from {low:g} to {high:g}; {instrument.advice}"
        )
    return value


def goal_for(guideline: Rehabilitation, baseline: float) -> float:
    """Return the next mark that is a noticeable change away, or what is said for want of one."""
    instrument, goal = guideline.instrument, guideline.goal
    marks = [mark.score for mark in goal.marks]
    ahead = [mark for mark in marks if instrument.gain(baseline, mark) >= instrument.least_change]
    return ahead[0] if ahead else goal.otherwise.score


def dose_for(guideline: Rehabilitation, score: float) -> Dose:
    """Return the dose of the band that a score falls into."""
    return next((line for line in guideline.dose if score <= line.to), guideline.dose[-1])


def _in_its_unit(data: ObservationRecorded, instrument: Instrument) -> float | None:
    measure = measures()[instrument.measure]
    if data.value is None or measure.is_score:
        return data.value
    unit = data.unit or ""
    if unit not in measure.units:
        raise RuleRefusedError(
            f"observation {data.observation_id}: {instrument.measure} has the unit {data.unit!r}; "
            f"known are {', '.join(measure.units)}"
        )
    return measure.converted(data.value, unit)
