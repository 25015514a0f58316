"""What diagnosis codes mean to the hypertension pathway: ICD-10 prefixes and SNOMED CT concepts.

Sources: WHO ICD-10 chapters IV, VI, IX and XIV; SNOMED CT International. Which diagnoses count as
risk factor, organ damage or clinical complication is the rules' to say, not this table's.
"""

from collections.abc import Iterable
from typing import Final, Literal

from services.contract.visit import Code

Diagnosis = Literal[
    "hypertension",
    "prediabetes",
    "diabetes",
    "diabetes_with_complications",
    "obesity",
    "stroke",
    "coronary_disease",
    "heart_failure",
    "atrial_fibrillation",
    "peripheral_artery_disease",
    "chronic_kidney_disease",
    "advanced_kidney_disease",
]

SNOMED: Final = "http://snomed.info/sct"

_ICD_10: Final[dict[str, Diagnosis]] = {
    "I10": "hypertension",
    "I11": "hypertension",
    "I12": "hypertension",
    "I13": "hypertension",
    "I15": "hypertension",
    "R730": "prediabetes",
    "E10": "diabetes",
    "E11": "diabetes",
    "E12": "diabetes",
    "E13": "diabetes",
    "E14": "diabetes",
    # The fourth character names the complication: 2 renal, 3 ophthalmic, 4 neurological,
    # 5 circulatory, 7 multiple.
    **{f"E1{kind}{part}": "diabetes_with_complications" for kind in "01234" for part in "23457"},
    "E66": "obesity",
    "I60": "stroke",
    "I61": "stroke",
    "I62": "stroke",
    "I63": "stroke",
    "I64": "stroke",
    "I69": "stroke",
    "G45": "stroke",
    "I20": "coronary_disease",
    "I21": "coronary_disease",
    "I22": "coronary_disease",
    "I23": "coronary_disease",
    "I24": "coronary_disease",
    "I25": "coronary_disease",
    "I50": "heart_failure",
    "I48": "atrial_fibrillation",
    "I702": "peripheral_artery_disease",
    "I739": "peripheral_artery_disease",
    "N183": "chronic_kidney_disease",
    "N184": "advanced_kidney_disease",
    "N185": "advanced_kidney_disease",
    "N186": "advanced_kidney_disease",
}
_ICD_PREFIX_MAX: Final = 4

_SNOMED: Final[dict[str, Diagnosis]] = {
    "38341003": "hypertension",
    "59621000": "hypertension",
    "15777000": "prediabetes",
    "714628002": "prediabetes",
    "73211009": "diabetes",
    "44054006": "diabetes",
    "46635009": "diabetes",
    "127013003": "diabetes_with_complications",
    "422034002": "diabetes_with_complications",
    "368581000119106": "diabetes_with_complications",
    "162864005": "obesity",
    "414916001": "obesity",
    "230690007": "stroke",
    "422504002": "stroke",
    "274100004": "stroke",
    "266257000": "stroke",
    "53741008": "coronary_disease",
    "414545008": "coronary_disease",
    "22298006": "coronary_disease",
    "194828000": "coronary_disease",
    "84114007": "heart_failure",
    "42343007": "heart_failure",
    "88805009": "heart_failure",
    "49436004": "atrial_fibrillation",
    "399957001": "peripheral_artery_disease",
    "433144002": "chronic_kidney_disease",
    "431857002": "advanced_kidney_disease",
    "433146000": "advanced_kidney_disease",
    "46177005": "advanced_kidney_disease",
}


def diagnoses(codes: Iterable[Code]) -> tuple[Diagnosis, ...]:
    """Return, sorted and once each, what the codes of one condition mean.

    Codes of other conditions and of other systems mean nothing here. Any system whose name contains `icd-10` is read as ICD-10: the national editions extend WHO's
    codes and do not move them.
    """
    found = {meaning for code in codes if (meaning := _meaning(code)) is not None}
    return tuple(sorted(found))


def _meaning(code: Code) -> Diagnosis | None:
    if code.system == SNOMED:
        return _SNOMED.get(code.code)
    if "icd-10" in code.system.lower():
        plain = code.code.upper().replace(".", "")
        return _ICD_10.get(plain[:_ICD_PREFIX_MAX]) or _ICD_10.get(plain[:3])
    return None
