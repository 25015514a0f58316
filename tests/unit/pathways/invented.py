"""A pathway that no folder has: an instrument with decimals and a unit, of which less is better."""

from copy import deepcopy
from datetime import date

from services.pathways.guideline import Guideline
from services.pathways.index import Pathway
from services.rehabilitation import programme
from services.treatment import needs

WHY = "invented"
ID = "sweet_heart"

REHABILITATION = {
    "source": "nobody",
    "needs": {
        "why": WHY,
        "diagnoses": ["heart_failure"],
        "visit_classes": ["inpatient"],
        "within_days": 30,
        "reason": "discharged with a failing heart",
    },
    "instrument": {
        "id": "sugar",
        "name": "the sugar score",
        "measure": "hba1c",
        "form": "3 to 20 in steps of 0.1",
        "score_name": "sugar score",
        "advice": "read the report again",
        "low": 3,
        "high": 20,
        "step": 0.1,
        "better": "lower",
        "least_change": 0.3,
        "why": WHY,
    },
    "goal": {
        "marks": [{"score": 8.0, "why": WHY}, {"score": 7.0, "why": WHY}],
        "otherwise": {"score": 6.1, "why": WHY},
    },
    "dose": [
        {"band": "light", "to": 6.9, "sessions_per_week": 1, "why": WHY},
        {"band": "heavy", "to": 20, "sessions_per_week": 4, "why": WHY},
    ],
    "plateau": {"reassessments": 1, "why": WHY},
    "deadlines": {
        "baseline_within": {"days": 10, "why": WHY},
        "assessment_within": {"days": 20, "why": WHY},
        "reassessment_apart": {"days": 5, "why": WHY},
        "follow_up_after": {"days": 15, "why": WHY},
        "contact_within": {"days": 50, "why": WHY},
        "missed_in_a_row": {"times": 2, "why": WHY},
        "baseline_before_discharge": {"days": 3, "why": WHY},
        "told_late": {"days": 9, "why": WHY},
    },
}


def edition(valid_from=date(2000, 1, 1), name="xx-1", **changes):
    """One edition of the invented guideline, with some tables of its rehabilitation changed."""
    part = deepcopy(REHABILITATION)
    for table, change in changes.items():
        part[table] = part[table] | change if isinstance(change, dict) else change
    return {"id": name, "jurisdiction": "XX", "valid_from": valid_from, "rehabilitation": part}


def pathway(*editions):
    """The invented pathway with these editions, or with one."""
    raw = {"pathway": ID, "title": "Sweet heart", "editions": editions or (edition(),)}
    return Pathway(Guideline.model_validate(raw, strict=False), {})


def instead_of_folders(monkeypatch, *found):
    """Let the stages know these pathways and no others."""
    known = {one.id: one for one in found}
    monkeypatch.setattr(needs, "pathways", lambda: known)
    monkeypatch.setattr(programme, "pathways", lambda: known)
    forget_days()


def forget_days():
    """Forget what was gathered for each day."""
    needs._rules.cache_clear()
    programme._by_measure.cache_clear()
