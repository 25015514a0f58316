"""Patient.link: which of two records of one person takes the place of the other."""

from services.contract.ids import stable_id
from services.contract.member import MemberMerged
from services.gateway.acceptance.facts import Fact
from services.gateway.doors.fhir.reader import Reader
from services.gateway.doors.fhir.resources import Patient

_REPLACED, _REPLACES = "replaced-by", "replaces"


def is_replaced(patient: Patient) -> bool:
    """Whether another record took the place of this one: what it says of the person is idle."""
    return any(link.type == _REPLACED for link in patient.link)


def merge_facts(patient: Patient, reader: Reader) -> list[Fact]:
    """Return the merges that a Patient states; both records may state the same one.

    Links of type `refer` and `seealso` say that there is another record, and merge nothing.
    """
    facts: list[Fact] = []
    for number, link in enumerate(patient.link):
        at = f"link[{number}]"
        if link.type not in {_REPLACED, _REPLACES, "refer", "seealso"}:
            says = f"{link.type[:40]!r} is not a type of link"
            mend = "Use replaced-by, replaces, refer or seealso (link-type)."
            reader.problem("value", f"{at}.type", says, mend)
        elif link.type not in {_REPLACED, _REPLACES}:
            reader.remark(f"A link of type {link.type} merges nothing", at)
        else:
            other = reader.required_reference(link.other, "Patient", f"{at}.other")
            if other is not None:
                facts.append(_merge(reader, link.type, other))
    return facts


def _merge(reader: Reader, link_type: str, other: str) -> Fact:
    gone, into = (reader.id, other) if link_type == _REPLACED else (other, reader.id)
    event_id = stable_id("gateway", reader.source, "Patient", gone, "merged", into)
    data = MemberMerged(into=into)
    place, by_the_way = reader.place, link_type == _REPLACES
    return Fact(event_id, reader.source, gone, reader.now, data, place, implied=by_the_way)
