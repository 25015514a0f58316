"""A pathway that no folder has: panels of one measure, strata by lines, three days that confirm."""

from copy import deepcopy
from datetime import date

from services.pathways.guideline import Guideline
from services.pathways.index import Pathway

ID = "invented_sweetness"
SOURCE = "nobody's guideline"
RAISED = [{"measure": "hba1c", "at_least": {"%": 6.5, "mmol/mol": 48}}]

SCREENING = {
    "source": SOURCE,
    "watches": ["hba1c"],
    "weighs": ["obesity", "body_mass_index"],
    "readings_from_years": 10,
    "invites_from_years": 40,
    "invitation_days": 20,
    "reminder_days_max": 30,
    "cadence": [
        {"every_days": 10, "reason": "raised", "when": {"why": "raised", "latest": RAISED}},
        {"every_days": 100, "reason": "routine", "when": {"why": "from 40", "age_from": 40}},
    ],
    "confirm": [
        {"id": "three", "why": "6.5 % or more", "reading": RAISED, "days": 3, "within_days": 60}
    ],
    "strata": [
        {"stratum": "heavy", "when": {"why": "obesity", "diagnosed": ["obesity"]}},
        {"stratum": "heavy", "when": {"why": "raised", "latest": RAISED, "age_from": 60}},
        {"stratum": "light", "when": {"why": "everybody else"}},
    ],
    "after_rehabilitation": {"pathways": ["invented_rest"], "within_days": 50},
}
MANAGEMENT = {
    "source": SOURCE,
    "diagnosis": ["diabetes"],
    "watches": ["hba1c", "body_mass_index"],
    "readings_from_years": 10,
    "strata": ["light", "heavy"],
    "lowered_after_days": 100,
    "follow_up_days": {"light": 90, "heavy": 30},
    "above_target_days": 7,
    "fresh_days": 5,
    "escalated_again_after_days": 10,
    "referred_again_after_days": 40,
    "missed_max": 2,
    "reminder_days_max": 30,
    "targets": [
        {
            "strata": ["light", "heavy"],
            "goals": [
                {"measure": "hba1c", "below": 7},
                {"measure": "body_mass_index", "below": 27},
            ],
        }
    ],
    "red_flags": [{"why": "12 % or more", "reading": [{"measure": "hba1c", "at_least": 12}]}],
}


def guideline(**parts):
    """The invented guideline as written, with some of its parts changed."""
    edition = {"id": "xx-1", "jurisdiction": "XX", "valid_from": date(2000, 1, 1)}
    edition |= {"screening": SCREENING, "management": MANAGEMENT} | parts
    return {"pathway": ID, "title": "Sweetness", "editions": [deepcopy(edition)]}


def pathway(**parts):
    """The invented pathway."""
    return Pathway(Guideline.model_validate(guideline(**parts), strict=False), {})
