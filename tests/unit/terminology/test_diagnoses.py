"""What a code means, by any name of its system: one lookup for all stages."""

import pytest

from services.contract.visit import Code
from services.terminology.lookup import diagnoses, is_lasting, known_diagnoses

ICD_10 = "http://hl7.org/fhir/sid/icd-10"
SNOMED = "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("system", "code", "meaning"),
    [
        (ICD_10, "I10", ("hypertension",)),
        (ICD_10, "I15.9", ("hypertension",)),
        (ICD_10, "I16", ()),
        ("http://hl7.org/fhir/sid/icd-10-cm", "e10.9", ("diabetes",)),
        (ICD_10, "E10.2", ("diabetes_with_complications",)),
        (ICD_10, "E10.200x001", ("diabetes_with_complications",)),
        (ICD_10, "E11.9", ("diabetes", "type_2_diabetes")),
        (ICD_10, "I60", ("stroke",)),
        (ICD_10, "I63.900", ("stroke",)),
        (ICD_10, "I69.3", ("stroke_sequelae",)),
        (ICD_10, "G45.9", ("transient_ischaemic_attack",)),
        (ICD_10, "I65", ()),
        (ICD_10, "N18.3", ("chronic_kidney_disease",)),
        (ICD_10, "N18.5", ("advanced_kidney_disease",)),
        (ICD_10, "N18.1", ()),
        (ICD_10, "", ()),
        (SNOMED, "59621000", ("hypertension",)),
        (SNOMED, "230690007", ("stroke",)),
        (SNOMED, "432504007", ("stroke",)),
        (SNOMED, "266257000", ("transient_ischaemic_attack",)),
        (SNOMED, "I10", ()),
        ("http://loinc.org", "I10", ()),
        ("", "I10", ()),
    ],
)
def test_a_code_means_what_its_own_system_says(system, code, meaning):
    given = Code.model_construct(system=system, code=code, display=None)

    assert diagnoses([given]) == meaning


@pytest.mark.parametrize(
    "system",
    [
        "urn:oid:2.16.840.1.113883.6.3",  # ICD-10
        "urn:oid:2.16.840.1.113883.6.90",  # ICD-10-CM
        "urn:oid:2.16.156.10011.2.3.3.11",  # the Chinese edition
        "urn:oid:2.16.156.10011.2.3.3.11.3",
        "http://example.cn/ICD-10-national-clinical-edition",
    ],
)
def test_icd_10_is_known_by_its_other_names(system):
    assert diagnoses([Code(system=system, code="I10.x02")]) == ("hypertension",)


def test_several_codes_of_one_condition_mean_each_of_theirs_once_and_sorted():
    codes = [
        Code(system=SNOMED, code="59621000"),
        Code(system=ICD_10, code="I10"),
        Code(system=ICD_10, code="E10.9"),
    ]

    assert diagnoses(codes) == ("diabetes", "hypertension")


def test_a_history_of_stroke_lasts_and_one_of_hypertension_can_be_withdrawn():
    assert is_lasting("stroke")
    assert is_lasting("stroke_sequelae")
    assert is_lasting("transient_ischaemic_attack")
    assert not is_lasting("hypertension")
    assert known_diagnoses() >= {"stroke", "hypertension"}
