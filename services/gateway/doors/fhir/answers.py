"""Answers in FHIR. Amounts leave as exact decimals."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import orjson
from starlette.responses import Response

from services.contract.money import MINOR_DIGITS
from services.gateway.acceptance.decide import FactOutcome, GroupOutcome
from services.gateway.acceptance.problems import Problem, RequestRefusedError
from services.gateway.answer.http import (
    json_response,
    no_decision,
    operation_outcome,
    refused_behind,
    timeline_path,
)
from services.gateway.answer.intake import Answer, Pending, Undecided
from services.gateway.doors.fhir.bundle import Translation
from services.gateway.doors.fhir.entry import ReadEntry

FHIR_JSON: Final = "application/fhir+json"
_CREATED: Final = "201 Created"
_OK: Final = "200 OK"
_REFUSED: Final = "422 Unprocessable Entity"


def fhir_refusal(error: RequestRefusedError) -> Response:
    """Return an OperationOutcome for a request that cannot be read."""
    return json_response(operation_outcome(error.problems), error.status, FHIR_JSON)


def fhir_answer(translation: Translation, answer: Answer) -> Response:
    """Return the Bundle, or for a single resource the OperationOutcome, that answers a request."""
    if translation.all_or_nothing and answer.outcomes[0].refused:
        worth = [each for each in answer.outcomes[0].problems if each.severity != "information"]
        return json_response(operation_outcome(worth), 422, FHIR_JSON)
    by_place: dict[str, list[FactOutcome]] = {}
    for outcome in answer.outcomes:
        for each in outcome.facts:
            by_place.setdefault(each.fact.place, []).append(each)
    refused = _refused_by_place(translation, answer.outcomes)
    entries = [
        _entry(entry, by_place.get(entry.place, []), refused.get(entry.place), answer.refused)
        for entry in translation.entries
    ]
    status = 202 if answer.pending else 200
    headers = {"location": timeline_path(answer.pending[0].stands_under)} if answer.pending else {}
    if translation.kind == "single" and not (answer.decisions or answer.pending):
        made = entries[0]["response"]
        status = int(made["status"].partition(" ")[0])
        notes = [_undecided(each) for each in answer.undecided]
        return json_response(_outcome_of(made, notes), status, FHIR_JSON)
    entries += [_decision_entry(decision) for decision in answer.decisions]
    entries += [_pending_entry(each) for each in answer.pending]
    entries += [_undecided_entry(each) for each in answer.undecided]
    kind = "batch-response" if translation.kind == "batch" else "transaction-response"
    body = {"resourceType": "Bundle", "type": kind, "entry": entries}
    return json_response(body, status, FHIR_JSON, **headers)


def _refused_by_place(
    translation: Translation, outcomes: Iterable[GroupOutcome]
) -> Mapping[str, tuple[Problem, ...]]:
    if translation.all_or_nothing:
        return {}
    # In a batch each entry is a group of its own, in the order of the entries.
    return {
        entry.place: outcome.problems
        for entry, outcome in zip(translation.entries, outcomes, strict=True)
        if outcome.refused
    }


def _entry(
    entry: ReadEntry,
    facts: Sequence[FactOutcome],
    refused: tuple[Problem, ...] | None,
    behind: Mapping[str, str],
) -> dict[str, Any]:
    if refused is not None:
        return {"response": {"status": _REFUSED, "outcome": operation_outcome(refused)}}
    notes = [*entry.problems, *(note for each in facts for note in each.notes)]
    told = [refused_behind(each.fact, behind) for each in facts if each.fact.id in behind]
    if told:
        return {"response": {"status": _REFUSED, "outcome": operation_outcome([*told, *notes])}}
    new = any(each.status == "accepted" for each in facts)
    response: dict[str, Any] = {"status": _CREATED if new else _OK}
    if facts and all(each.status == "duplicate" for each in facts) and not notes:
        known = Problem("duplicate", entry.place, "Known already", severity="information")
        notes = [known]
    if notes:
        response["outcome"] = operation_outcome(notes)
    return {"response": response}


def _decision_entry(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Write a decision as a Parameters resource, with its parts and its trace."""
    decision = shown["decision"]
    currency = decision["currency"]
    parameters: list[dict[str, Any]] = [
        {"name": "type", "valueString": shown["type"]},
        {"name": "visit", "valueString": decision["episode"]},
        {"name": "request", "valueString": decision["request_id"]},
        {"name": "outcome", "valueCode": decision["outcome"]},
        {"name": "billed", "valueMoney": money(decision["billed"], currency)},
    ]
    parameters += [
        {"name": payer, "valueMoney": money(amount, currency)}
        for payer, amount in decision["parts"].items()
    ]
    parameters += [
        {
            "name": "trace",
            "part": [
                {"name": "rule", "valueString": step["rule"]},
                {"name": "payer", "valueCode": step["payer"]},
                {"name": "openBefore", "valueMoney": money(step["open_before"], currency)},
                {"name": "taken", "valueMoney": money(step["taken"], currency)},
                {"name": "note", "valueString": step["note"]},
            ],
        }
        for step in decision["trace"]
    ]
    return {
        "resource": {"resourceType": "Parameters", "id": shown["id"], "parameter": parameters},
        "response": {"status": _OK},
    }


def _outcome_of(made: Mapping[str, Any], notes: Sequence[Problem]) -> dict[str, Any]:
    """Return the outcome of a single resource, with what is to be said of its visit."""
    if "outcome" not in made:
        return operation_outcome(notes)
    issues = operation_outcome(notes)["issue"] if notes else []
    return {**made["outcome"], "issue": [*made["outcome"]["issue"], *issues]}


def _undecided_entry(undecided: Undecided) -> dict[str, Any]:
    return {"response": {"status": _OK, "outcome": operation_outcome([_undecided(undecided)])}}


def _undecided(undecided: Undecided) -> Problem:
    says = no_decision(undecided.visit, undecided.why).rstrip(".")
    return Problem("informational", "", says, severity="information")


def _pending_entry(pending: Pending) -> dict[str, Any]:
    says = (
        f"Visit {pending.visit} is accepted; its decision is not there yet and will stand in the"
        " timeline"
    )
    note = Problem("informational", "", says, severity="information")
    where = timeline_path(pending.stands_under).removeprefix("/")
    outcome = operation_outcome([note])
    return {"response": {"status": "202 Accepted", "location": where, "outcome": outcome}}


def money(minor: int, currency: str) -> dict[str, Any]:
    """Write minor units as a FHIR Money, exactly."""
    digits = MINOR_DIGITS.get(currency)
    if digits is None:  # it left ISO 4217 since: what the amount is worth cannot be said
        return {"currency": currency}
    exact = f"{Decimal(minor).scaleb(-digits):.{digits}f}"
    return {"value": orjson.Fragment(exact.encode()), "currency": currency}
