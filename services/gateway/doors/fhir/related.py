"""Links between claims: which earlier bill one takes the place of."""

from typing import Final

from services.gateway.doors.fhir.elements import Reference
from services.gateway.doors.fhir.reader import Reader
from services.gateway.doors.fhir.resources import Claim

_REPLACES: Final = {"prior", "replaces"}
_BESIDE: Final = {"associated"}
_TYPE_OF_BILL: Final = "https://www.nubc.org/CodeSystem/TypeOfBill"
_REPLACEMENT, _VOID = "7", "8"


def replaced_by(claim: Claim, reader: Reader) -> str | None:
    """Return the id of the claim that this one replaces, if any.

    `prior` of ex-relatedclaimrelationship is an earlier claim for the same services, so that both
    never count; `associated` claims stand beside each other. The last digit of a type of bill (UB-04
    FL 4) is its frequency: 7 replaces a prior claim, 8 voids it.
    """
    priors: dict[str, None] = {}
    for number, each in enumerate(claim.related):
        at = f"related[{number}]"
        code = each.relationship.first_code if each.relationship is not None else None
        if code in _BESIDE:
            reader.remark("An associated claim stands beside this one; both count", at)
        elif code not in _REPLACES:
            says = f"What a {str(code)[:40]!r} claim is to this one is not known"
            mend = "Use prior for the claim that this one replaces, or associated."
            reader.problem("value", f"{at}.relationship", says, mend)
        else:
            reference = each.claim or Reference(identifier=each.reference)
            found = reader.required_reference(reference, "Claim", f"{at}.claim")
            if found is not None:
                priors[found] = None
    _check(claim, priors, reader)
    return next(iter(priors), None)


def _check(claim: Claim, priors: dict[str, None], reader: Reader) -> None:
    if len(priors) > 1:
        says = f"The Claim replaces {len(priors)} claims: {', '.join(list(priors)[:5])}"
        mend = "Name the one that is in force, and cancel the others."
        reader.problem("business-rule", "related", says, mend)
    if reader.id in priors:
        mend = "Send the corrected claim under a new id."
        reader.problem("business-rule", "related", "The Claim replaces itself", mend)
    for number, each in enumerate(claim.supporting_info):
        for coding in each.code.coding if each.code is not None else ():
            frequency = coding.code[-1:] if coding.code and coding.system == _TYPE_OF_BILL else ""
            at = f"supportingInfo[{number}].code"
            if frequency == _REPLACEMENT and not priors:
                says = (
                    f"The type of bill {str(coding.code)[:10]} replaces a claim, and none is named"
                )
                mend = "Name it in related, with the relationship prior."
                reader.problem("required", at, says, mend)
            elif frequency == _VOID:
                says = f"The type of bill {str(coding.code)[:10]} voids a claim"
                mend = "Send that claim again, with the status cancelled."
                reader.problem("not-supported", at, says, mend)
