"""A guideline that cannot be used is refused when it is read: file, place, and what to mend."""

from importlib import resources

import pytest

from services.pathways.index import GUIDELINE, GuidelineError, read_guideline, scores_of

TEXT = (resources.files("services.pathways.hypertension") / GUIDELINE).read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "place", "mending"),
    [
        ('title = "Hypertension"', "title =", "at line", "Invalid value"),
        ('pathway = "hypertension"', 'pathway = "asthma"', "pathway is 'asthma'", "'hypertension'"),
        ("invitation_days = 30", "invitation_day = 30", "editions.0.screening.invitation_day", "Extra"),
        ("invitation_days = 30", "", "editions.0.screening.invitation_days", "required"),
        ("invitation_days = 30", "invitation_days = 0", "screening.invitation_days", "greater than 0"),
        ("every_days = 28", "every_days = -1", "screening.cadence.1.every_days", "greater than 0"),
        ('reason = "raised"\nrecheck', 'reason = "soon"\nrecheck', "cadence.1.reason", "'routine'"),
        (
            '{ measure = "systolic", at_least = 130 }', '{ measure = "systole", at_least = 130 }',
            "cadence.2.when.any_of.3.latest.0", "systole is not in terminology/measures.toml",
        ),
        (
            '{ measure = "systolic", at_least = 130 }', '{ measure = "systolic" }',
            "cadence.2.when.any_of.3.latest.0", "state one of below, at_most, at_least, above",
        ),
        (
            '{ measure = "systolic", at_least = 130 }',
            '{ measure = "systolic", at_least = 130, below = 140 }',
            "cadence.2.when.any_of.3.latest.0", "state one of",
        ),
        (
            'below = { "mmol/L" = 1.0, "mg/dL" = 40 }', 'below = { "mg/dL" = 40 }',
            "screening.factors.4.when.latest.2", "state the bound in mmol/L too",
        ),
        (
            'diagnosed = ["prediabetes"]', 'diagnosed = ["prediabetic"]',
            "screening.factors.1.when", "prediabetic: in no table",
        ),
        (
            'smoking_status = ["current"]', 'smoking_status = ["yes"]',
            "screening.factors.2.when", "yes of smoking_status",
        ),
        ('id = "two_days"', 'id = "severe"', "editions.0.screening", "an id of its own"),
        ("days = 2\nwithin_days = 365", "days = 2", "screening.confirm.2", "several days need within_days"),
        (
            'diagnosed = ["hypertension"]\n', 'diagnosed = ["high_blood_pressure"]\n',
            "screening.confirm.0", "high_blood_pressure",
        ),
        ('score = "cardiovascular_risk"', "", "editions.0.screening", "name a score"),
        (
            'watches = ["blood_pressure"]\nweighs', 'watches = ["systolic"]\nweighs',
            "editions.0.screening", "systolic is not known",
        ),
        ('"hypertension", "prediabetes",', '"hypertensoin",', "editions.0.screening", "hypertensoin"),
        ("low = 91, ", "", "editions.0.management", "follow_up_days: name all of low"),
        ("low = 91, ", "low = 0, ", "management.follow_up_days.low", "greater than 0"),
        (
            'strata = ["high", "very_high"]\ngoals', 'strata = ["high"]\ngoals',
            "editions.0.management", "targets: name all of low, medium, high, very_high",
        ),
        (
            'stratum = "low"\nafter_days', 'stratum = "lowest"\nafter_days',
            "editions.0.management", "lowest is not known",
        ),
        (
            'diagnosis = ["hypertension"]', 'diagnosis = ["hypertonia"]',
            "editions.0.management", "hypertonia is not known",
        ),
        ('jurisdiction = "CN"', 'jurisdiction = "China"', "editions.0.jurisdiction", "pattern"),
    ],
)  # fmt: skip
def test_a_broken_guideline_names_its_file_the_place_and_the_mending(old, new, place, mending):
    assert TEXT.count(old) >= 1

    with pytest.raises(GuidelineError) as refusal:
        read_guideline("hypertension", TEXT.replace(old, new, 1))

    said = str(refusal.value)
    assert said.startswith("hypertension/guideline.toml: ")
    assert place in said
    assert mending in said


def test_editions_stand_in_the_order_in_which_they_take_effect():
    header, edition = TEXT.split("[[editions]]")

    with pytest.raises(GuidelineError, match="in the order they take effect"):
        read_guideline("hypertension", f"{header}[[editions]]{edition}[[editions]]{edition}")


@pytest.mark.parametrize(
    ("old", "new", "mending"),
    [
        (
            'weight = "risk_factor"',
            'weight = "risk_facter"',
            "'risk_facter' is none of risk_factor",
        ),
        ('score = "cardiovascular_risk"', 'score = "heart_risk"', "has no function heart_risk"),
    ],
)
def test_what_a_guideline_leaves_to_its_rules_is_known_there(old, new, mending):
    assert TEXT.count(old) >= 1
    guideline = read_guideline("hypertension", TEXT.replace(old, new, 1))

    with pytest.raises(GuidelineError, match=mending):
        scores_of("services.pathways.hypertension", guideline)


def test_the_guideline_as_it_is_can_be_used():
    assert read_guideline("hypertension", TEXT).pathway == "hypertension"
