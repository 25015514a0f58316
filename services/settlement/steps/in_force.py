"""Whether the cover is in force on the day of service."""

from typing import Literal

from services.settlement.steps.step import Case, StepResult, Terms, Working, stop


class InForce(Terms):
    """Stop unless the day of service lies within the cover's days, both inclusive."""

    step: Literal["in_force"]

    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""
        day, cover = case.day, case.cover
        if day < cover.valid_from:
            return stop(work, f"cover {cover.cover_id} begins on {cover.valid_from}, after {day}")
        if cover.valid_to is not None and day > cover.valid_to:
            return stop(work, f"cover {cover.cover_id} ended on {cover.valid_to}, before {day}")
        return work, f"Cover {cover.cover_id} is in force on {day}."
