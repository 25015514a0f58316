"""Extracts from the published definitions of FHIR R4 what `modifiers.toml` has to answer for.

`python -m tests.contracts.r4 JAR > tests/contracts/r4.json`, where JAR is Maven's
`ca.uhn.hapi.fhir:hapi-fhir-validation-resources-r4`, which holds the definitions as HL7 published them.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET
from zipfile import ZipFile

READ: Final = (
    "Bundle", "Claim", "Condition", "Coverage", "Encounter", "Medication", "MedicationRequest",
    "MessageHeader", "Observation", "Organization", "Patient", "Procedure",
)  # fmt: skip
"""The types of resources that are read."""

_CODES_MAX: Final = 40
"""Codes of a set that is kept: lists of all types are not read as such."""

_FHIR: Final = {"f": "http://hl7.org/fhir"}
_FOLDER: Final = "org/hl7/fhir/r4/model"

Element = ET.Element


def extract(jar: Path) -> dict[str, Any]:
    """Return the modifier elements, and the codes of required value sets, by path."""
    with ZipFile(jar) as archive:
        kinds = dict(_structures(archive, "resources")) | dict(_structures(archive, "types"))
        codes = _codes(archive)
    modifiers: set[str] = set()
    required: dict[str, list[str]] = {}
    for kind in READ:
        for path, element in _reached(kind, kinds):
            if _value(element, "f:isModifier") == "true":
                modifiers.add(path)
            bound = _value(element, "f:binding/f:valueSet")
            is_required = _value(element, "f:binding/f:strength") == "required"
            found = codes.get(bound.partition("|")[0], set()) if is_required else set()
            if 0 < len(found) <= _CODES_MAX:
                required[path] = sorted(found)
    return {"version": "4.0.1", "modifiers": sorted(modifiers), "required": required}


def _structures(archive: ZipFile, name: str) -> Iterator[tuple[str, list[Element]]]:
    root = _parsed(archive, f"profile/profiles-{name}.xml")
    for found in root.iterfind(".//f:StructureDefinition", _FHIR):
        if _value(found, "f:derivation") != "constraint":
            yield _value(found, "f:id"), found.findall("f:snapshot/f:element", _FHIR)


def _reached(kind: str, kinds: Mapping[str, list[Element]]) -> Iterator[tuple[str, Element]]:
    """Yield the elements of a resource, and those of the data types in it, each by its path."""
    todo, seen = [kind], {kind}
    while todo:
        for element in kinds[todo.pop()]:
            yield _value(element, "f:path"), element
            for used in element.iterfind("f:type/f:code", _FHIR):
                name = used.get("value", "")
                if name in kinds and name not in seen and name != "Resource":
                    seen.add(name)
                    todo.append(name)


def _codes(archive: ZipFile) -> Mapping[str, set[str]]:
    """Return the codes of each value set that names whole code systems or lists of codes."""
    root = _parsed(archive, "valueset/valuesets.xml")
    systems = {
        _value(system, "f:url"): {_value(one, "f:code") for one in system.iterfind(".//f:concept", _FHIR)}
        for system in root.iterfind(".//f:CodeSystem", _FHIR)
    }  # fmt: skip
    found: dict[str, set[str]] = {}
    for value_set in root.iterfind(".//f:ValueSet", _FHIR):
        known = found.setdefault(_value(value_set, "f:url"), set())
        for part in value_set.iterfind("f:compose/f:include", _FHIR):
            listed = {_value(one, "f:code") for one in part.iterfind("f:concept", _FHIR)}
            known |= listed or systems.get(_value(part, "f:system"), set())
    return found


def _parsed(archive: ZipFile, name: str) -> Element:
    return ET.fromstring(archive.read(f"{_FOLDER}/{name}"))  # noqa: S314  a pinned package's own


def _value(element: Element, path: str) -> str:
    found = element.find(path, _FHIR)
    return "" if found is None else found.get("value", "")


if __name__ == "__main__":
    json.dump(extract(Path(sys.argv[1])), sys.stdout, indent=1)
    sys.stdout.write("\n")
