"""`POST /fhir` in the gateway's OpenAPI description."""

from typing import Any, Final

from services.gateway.doors.described import PREFER, Schema
from services.gateway.doors.fhir.entry import READ_TYPES

FHIR_JSON: Final = "application/fhir+json"

_RESOURCE: Final = {
    "type": "object",
    "required": ["resourceType"],
    "properties": {"resourceType": {"enum": [*READ_TYPES, "Bundle"]}},
    "externalDocs": {"url": "https://hl7.org/fhir/R4/resourcelist.html"},
    "description": (
        "A resource of FHIR R4, or a Bundle of them: transaction or message (all or nothing), or"
        " batch. docs/gateway.md says what is read of each."
    ),
    "example": {
        "resourceType": "Patient",
        "id": "m1",
        "gender": "female",
        "birthDate": "1960-02-29",
    },
}
_SOURCE: Final = {
    "name": "Careloop-Source",
    "in": "header",
    "schema": {"type": "string", "format": "uri-reference"},
    "description": "who sends; ids belong to the sender, so use always the same",
}
_RESOURCE_TYPE: Final = {
    "name": "resource_type",
    "in": "path",
    "required": True,
    "schema": {"enum": list(READ_TYPES)},
}


def _answer(description: str, kind: str) -> Schema:
    schema = {"type": "object", "properties": {"resourceType": {"const": kind}}}
    return {"description": description, "content": {FHIR_JSON: {"schema": schema}}}


def _described(*parameters: Schema) -> dict[str, Any]:
    return {
        "parameters": [*parameters, _SOURCE, PREFER],
        "requestBody": {
            "required": True,
            "content": {media: {"schema": _RESOURCE} for media in (FHIR_JSON, "application/json")},
        },
        "responses": {
            "200": _answer("each entry's status, and the decisions waited for", "Bundle"),
            "202": _answer("the same; a decision that was waited for is still to come", "Bundle"),
            "4XX": _answer("refused: each problem with its FHIRPath", "OperationOutcome"),
        },
    }


ANY_RESOURCE: Final = _described()
OF_ONE_TYPE: Final = _described(_RESOURCE_TYPE)
