"""What codes mean: diagnoses, measures and answers, by any name of their system."""

import tomllib
from importlib import resources

import pytest
from pydantic import ValidationError

from services.contract.visit import Code
from services.terminology.lookup import (
    Measure,
    answer_of,
    diagnoses,
    is_lasting,
    known_diagnoses,
    meanings,
    measure_of,
    measures,
    panel_of,
    panels,
    question_of,
    questions,
    system_of,
)
from tests.unit.screening.facts import ICD_10, LOINC, SNOMED

CHINESE_ICD_10 = "urn:oid:2.16.156.10011.2.3.3.11"


def coded(system: str, code: str, display: str | None = None) -> Code:
    return Code.model_construct(system=system, code=code, display=display)


@pytest.mark.parametrize(
    ("system", "code", "meaning"),
    [
        (ICD_10, "I10", ("hypertension",)),
        (ICD_10, "I15.9", ("hypertension",)),
        (ICD_10, "I16", ()),
        ("http://hl7.org/fhir/sid/icd-10-cm", "e11.9", ("diabetes", "type_2_diabetes")),
        ("http://hl7.org/fhir/sid/icd-10-cm", "e10.9", ("diabetes",)),
        (ICD_10, "E11.9", ("diabetes", "type_2_diabetes")),
        (ICD_10, "E10.2", ("diabetes_with_complications",)),
        (ICD_10, "E10.200x001", ("diabetes_with_complications",)),
        (ICD_10, "E11.2", ("diabetes_with_complications", "type_2_diabetes")),
        (ICD_10, "E11.200x001", ("diabetes_with_complications", "type_2_diabetes")),
        (ICD_10, "I60", ("stroke",)),
        (ICD_10, "I63.900", ("stroke",)),
        (ICD_10, "I69.3", ("stroke_sequelae",)),  # named as such, and not as a stroke
        (ICD_10, "G45.9", ("transient_ischaemic_attack",)),
        (ICD_10, "I65.2", ()),  # a stenosis is none
        (ICD_10, "I65", ()),
        (ICD_10, "N18.3", ("chronic_kidney_disease",)),
        (ICD_10, "N18.5", ("advanced_kidney_disease",)),
        (ICD_10, "N18.1", ()),
        (ICD_10, "", ()),
        (CHINESE_ICD_10, "I10.x00", ("hypertension",)),
        (f"{CHINESE_ICD_10}.3", "I63.9", ("stroke",)),
        ("urn:oid:2.16.840.1.113883.6.3", "I10", ("hypertension",)),
        ("urn:oid:2.16.840.1.113883.6.90", "I10", ("hypertension",)),
        ("http://hospital.example/ICD-10-GM", "I10", ("hypertension",)),  # a national edition
        (SNOMED, "59621000", ("hypertension",)),
        ("urn:oid:2.16.840.1.113883.6.96", "59621000", ("hypertension",)),
        (SNOMED, "230690007", ("stroke",)),
        (SNOMED, "422504002", ("stroke",)),
        (SNOMED, "432504007", ("stroke",)),
        (SNOMED, "274100004", ("stroke",)),
        (SNOMED, "21454007", ("stroke",)),
        (SNOMED, "266257000", ("transient_ischaemic_attack",)),
        (SNOMED, "I10", ()),
        (LOINC, "I10", ()),
        ("urn:oid:2.16.840.1.113883.6.999", "I10", ()),
        ("", "I10", ()),
    ],
)
def test_a_code_means_what_its_own_system_says(system, code, meaning):
    given = coded(system, code)

    assert diagnoses([given]) == meaning
    assert meanings(given) == meaning


@pytest.mark.parametrize(
    "system",
    [
        "urn:oid:2.16.840.1.113883.6.3",  # ICD-10
        "urn:oid:2.16.840.1.113883.6.90",  # ICD-10-CM
        CHINESE_ICD_10,
        f"{CHINESE_ICD_10}.3",
        "http://example.cn/ICD-10-national-clinical-edition",
    ],
)
def test_icd_10_is_known_by_its_other_names(system):
    assert diagnoses([coded(system, "I10.x02")]) == ("hypertension",)


def test_the_codes_of_one_condition_are_said_once_each_in_order():
    codes = [coded(SNOMED, "230690007"), coded(ICD_10, "I63.9"), coded(ICD_10, "I10")]

    assert diagnoses(codes) == ("hypertension", "stroke")

    codes = [coded(SNOMED, "59621000"), coded(ICD_10, "I10"), coded(ICD_10, "E10.9")]

    assert diagnoses(codes) == ("diabetes", "hypertension")


def test_what_leaves_damage_lasts_and_what_can_be_cured_does_not():
    lasting = {name for name in known_diagnoses() if is_lasting(name)}

    assert lasting >= {"stroke", "stroke_sequelae", "transient_ischaemic_attack"}
    assert lasting >= {"coronary_disease", "heart_failure", "diabetes_with_complications"}
    assert lasting.isdisjoint({"hypertension", "diabetes", "prediabetes", "obesity"})


@pytest.mark.parametrize(
    ("system", "code", "measure"),
    [
        (LOINC, "8480-6", "systolic"),
        ("urn:oid:2.16.840.1.113883.6.1", "8462-4", "diastolic"),
        (LOINC, "13457-7", "ldl_cholesterol"),
        (LOINC, "8302-2", None),  # body height
        (LOINC, "72166-2", None),  # a question is no measure
        (SNOMED, "8480-6", None),
    ],
)
def test_an_observation_is_of_the_measure_that_its_code_names(system, code, measure):
    assert measure_of([coded(SNOMED, "unknown"), coded(system, code)]) == measure


def test_a_question_is_found_by_its_code_and_a_measure_is_none():
    assert question_of([coded(LOINC, "72166-2")]) == "smoking_status"
    assert question_of([coded(LOINC, "8480-6")]) is None
    assert question_of([]) is None


@pytest.mark.parametrize(
    ("codes", "words", "meaning"),
    [
        ([(SNOMED, "449868002")], None, "current"),
        ([(LOINC, "LA18976-3")], None, "current"),
        ([(SNOMED, "8517006")], None, "former"),
        ([(SNOMED, "266919005")], None, "never"),
        ([(SNOMED, "8392000")], "Current smoker", "never"),  # a code goes before words
        ([(SNOMED, "1"), (LOINC, "LA15920-4")], None, "former"),  # any of the answer's codes
        ([(ICD_10, "449868002")], None, None),  # another system's code is none
        ([], "Current every day smoker", "current"),
        ([], "  EX-SMOKER ", "former"),
        ([], "Never smoker", "never"),
        ([], "No current tobacco use", "never"),
        ([], "no longer a current smoker", None),  # the whole of the words decides, or nothing
        ([], "Unknown if ever smoked", None),
        ([], "", None),
        ([], None, None),
    ],
)
def test_an_answer_means_what_its_code_or_the_whole_of_its_words_say(codes, words, meaning):
    answer = [coded(*code) for code in codes]

    assert answer_of("smoking_status", answer, words) == meaning


@pytest.mark.parametrize(
    ("measure", "value", "unit", "expected"),
    [
        ("systolic", 20.0, "kPa", 150),
        ("systolic", 149.6, "mm[Hg]", 150),
        ("total_cholesterol", 200, "mg/dL", 5.17),
        ("hba1c", 48, "mmol/mol", 6.5),
        ("body_mass_index", 27.96, "kg/m2", 28.0),
    ],
)
def test_a_value_is_converted_to_the_measures_unit_and_its_decimals(measure, value, unit, expected):
    assert measures()[measure].converted(value, unit) == expected


def test_every_measure_is_read_in_one_panel():
    inside = [name for panel in panels().values() for name in panel.measures]

    assert sorted(inside) == sorted(measures())
    assert panel_of("systolic") == panel_of("diastolic") == "blood_pressure"
    assert panel_of("hba1c") == "hba1c"


def test_a_system_of_no_table_has_no_name():
    assert system_of("http://snomed.info/sct") == "snomed"
    assert system_of("urn:careloop:codes") == "careloop"
    assert system_of("http://www.nlm.nih.gov/research/umls/rxnorm") is None


def test_a_key_that_no_table_knows_is_refused():
    with pytest.raises(ValidationError, match="rnage"):
        Measure.model_validate({"unit": "kg", "units": {"kg": 1}, "digits": 1, "rnage": [1, 2]})


def test_no_code_stands_for_two_measures_or_questions_and_no_words_for_two_answers():
    rows = [*measures().values(), *questions().values()]
    codes = [code for row in rows for code in row.codes]
    assert len(codes) == len(set(codes))

    for question in questions().values():
        told = [one for row in question.answers.values() for one in (*row.codes, *row.words)]
        assert len(told) == len(set(told))
        assert set(question.worst_first) == set(question.answers)
        words = [one for row in question.answers.values() for one in row.words]
        assert words == [one.strip().lower() for one in words]


def test_no_system_has_a_name_of_another():
    text = (resources.files("services.terminology") / "systems.toml").read_text("utf-8")
    names = [name for row in tomllib.loads(text).values() for name in row["names"]]

    assert len(names) == len(set(names))
