"""What an answer means: a code by its system, or words by the whole of them."""

import pytest

from services.contract.visit import Code
from services.terminology.lookup import answer_of, question_of

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"


def test_a_question_is_known_by_its_code_and_a_measure_is_none():
    assert question_of([Code(system=LOINC, code="72166-2")]) == "smoking_status"
    assert question_of([Code(system=LOINC, code="8480-6")]) is None
    assert question_of([Code(system=SNOMED, code="72166-2")]) is None


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("Current every day smoker", "current"),
        ("  Heavy tobacco smoker ", "current"),
        ("Former smoker", "former"),
        ("Never smoker", "never"),
        ("Ex-smoker", "former"),
        ("Non-smoker", "never"),
        ("No current tobacco use", "never"),  # "current" is in it
        ("Daily smoking of others", None),  # "daily" is in it
        ("Unknown if ever smoked", None),
        ("", None),
        (None, None),
    ],
)
def test_words_mean_what_the_whole_of_them_says(text, meaning):
    assert answer_of("smoking_status", (), text) == meaning


@pytest.mark.parametrize(
    ("system", "code", "text", "meaning"),
    [
        (SNOMED, "449868002", None, "current"),
        (SNOMED, "8517006", None, "former"),
        (LOINC, "LA18978-9", None, "never"),
        (SNOMED, "266919005", "current", "never"),  # a code goes before words
        (LOINC, "449868002", None, None),  # another system's code
        (SNOMED, "1", "Never smoker", "never"),  # an unknown code leaves the words
    ],
)
def test_a_code_means_what_its_system_says_and_goes_before_words(system, code, text, meaning):
    assert answer_of("smoking_status", (Code(system=system, code=code),), text) == meaning
