"""The Barthel index: how it is coded, what a score means, and which goal and dose follow.

The index is the sum of ten activities in steps of 5, 0 to 100 (Mahoney, Barthel. Functional
evaluation: the Barthel index. Md State Med J 1965; 14: 61-65).
"""

from typing import Final, Literal

from services.contract.clinical import ObservationRecorded
from services.contract.step import RuleRefusedError

TOTAL_CODES: Final = frozenset(
    {
        ("http://loinc.org", "96761-2"),  # Total score Barthel Index
        ("http://snomed.info/sct", "273302005"),  # Barthel index (assessment scale)
    }
)
"""The codes of a total score: both stand side by side in HL7's PACIO functioning guide and in
national FHIR profiles. The modified index of Shah (443364002) has other steps and is not it."""

MCID: Final = 10
"""Smallest change that a patient notices: 1.85 of 20 points (Hsieh et al. Neurorehabil Neural
Repair 2007; 21: 233-238), so 9.25 of 100, rounded up to the next step of the index."""

GOALS: Final = (60, 75, 95)
"""Scores that mark a way of living. 60: from dependence to assisted independence (Granger et al.
Arch Phys Med Rehabil 1979; 60: 14-17). 75 and 95: the scores that best part modified Rankin 3 and 1
from worse (Uyttenboogaart et al. Stroke 2005; 36: 1984-1987)."""

Dependence = Literal["severe", "moderate", "mild", "none"]

SESSIONS_PER_WEEK: Final[dict[Dependence, int]] = {"severe": 5, "moderate": 3, "mild": 2, "none": 1}
"""Five days a week while the need is greatest (NICE NG236, 2023: at least 3 hours a day on at least 5 days a week).
The lower doses are Careloop's own: as dependence falls, practice moves into daily life."""


def is_barthel(observation: ObservationRecorded) -> bool:
    """Tell whether an observation is a total of the Barthel index."""
    return any((code.system, code.code) in TOTAL_CODES for code in observation.codes)


def total(observation: ObservationRecorded) -> int:
    """Return the total that a Barthel observation states.

    Raises:
        RuleRefusedError: no value, or one that the ten activities cannot sum to.
    """
    value = observation.value
    if value is None or not 0 <= value <= 100 or value % 5 != 0:
        raise RuleRefusedError(
            f"observation {observation.observation_id} states a Barthel total of {value}: it must "
            "be a multiple of 5 from 0 to 100; add up the ten activities again"
        )
    return int(value)


def dependence(score: int) -> Dependence:
    """Return the band of a score, as Chinese practice has it: to 40, to 60, to 99, 100."""
    if score <= 40:
        return "severe"
    if score <= 60:
        return "moderate"
    return "mild" if score < 100 else "none"


def goal_for(baseline: int) -> int:
    """Return the next mark that is a noticeable change away, or full independence."""
    return next((goal for goal in GOALS if goal >= baseline + MCID), 100)
