"""What the city sent, by kind, and what it was answered."""

from collections import Counter
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final

import httpx

from services.simulator.messages import Expectation, Message

_EXAMPLES_MAX: Final = 5
_ANSWER_TEXT_MAX: Final = 300


@dataclass(slots=True)
class CityReport:
    """Counts of one run, in numbers of messages unless the name says facts.

    surprises: a good message refused, a bad one accepted, or one given up after 5xx answers.
    not_reached: connections that nobody took. unknown_outcomes: requests without an answer, sent
    again. asked_to_wait: 429 or 5xx, sent again. unfinished: under way when the city stopped.
    behind_s: the most that a message was sent after its time, in city seconds; behind_now_s: by how
    much the oldest that waits is late now. counter_waits_s:
    real seconds that a hospital waited for a payment decision.
    """

    messages: int = 0
    facts: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[Expectation] = field(default_factory=Counter)
    surprises: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)
    not_reached: int = 0
    unknown_outcomes: int = 0
    asked_to_wait: int = 0
    unfinished: int = 0
    behind_s: float = 0.0
    behind_now_s: float = 0.0
    counter_waits_s: list[float] = field(default_factory=list)

    def answered(self, message: Message, response: httpx.Response, took_s: float) -> None:
        """Count an answer that is neither 429 nor 5xx."""
        self._count(message, response.status_code)
        if message.wait_s and response.is_success:
            self.counter_waits_s.append(took_s)
        as_planned = response.is_client_error if _must_fail(message) else response.is_success
        if as_planned:
            self.outcomes[message.expect] += 1
        else:
            self._surprise(message, response.status_code, response.text)

    def gave_up(self, message: Message, status: int) -> None:
        """Count a message that was answered 429 or 5xx for as long as it was tried."""
        self._count(message, status)
        self._surprise(message, status, "given up")

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON."""
        waits = sorted(self.counter_waits_s)
        return {
            "messages": self.messages,
            "facts": self.facts,
            "sent": dict(sorted(self.sent.items())),
            "answers": dict(sorted(self.answers.items())),
            "as_expected": dict(sorted(self.outcomes.items())),
            "surprises": self.surprises,
            "surprise_examples": self.examples,
            "not_reached": self.not_reached,
            "unknown_outcomes": self.unknown_outcomes,
            "asked_to_wait": self.asked_to_wait,
            "unfinished": self.unfinished,
            "behind_city_s": round(self.behind_s),
            "behind_now_city_s": round(self.behind_now_s),
            "counter_wait_ms": {
                "count": len(waits),
                "p50": _percentile_ms(waits, 50),
                "p99": _percentile_ms(waits, 99),
            },
        }

    def _count(self, message: Message, status: int) -> None:
        self.messages += 1
        self.facts += message.facts
        self.sent[message.kind] += 1
        self.answers[str(status)] += 1

    def _surprise(self, message: Message, status: int, text: str) -> None:
        self.surprises += 1
        if len(self.examples) < _EXAMPLES_MAX:
            self.examples.append(
                {
                    "kind": message.kind,
                    "expected": message.expect,
                    "status": status,
                    "answer": text[:_ANSWER_TEXT_MAX],
                    "sent": message.body[:_ANSWER_TEXT_MAX].decode(errors="replace"),
                }
            )


def _must_fail(message: Message) -> bool:
    return message.expect == "refused"


def _percentile_ms(ordered: list[float], percent: int) -> float | None:
    if not ordered:
        return None
    return round(1000 * ordered[ceil(len(ordered) * percent / 100) - 1], 1)
