"""What is wrong with a request, in a form that its sender can act on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "information"]
IssueCode = Literal[
    "invalid", "structure", "required", "value", "not-found", "conflict", "not-supported",
    "too-long", "too-costly", "duplicate", "informational", "business-rule", "transient",
    "timeout",
]  # fmt: skip
"""Codes of FHIR R4's value set issue-type that the gateway uses, at both doors."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, or (severity `warning`, `information`) one remark.

    place: FHIRPath of the element, or the path inside a CloudEvent. says: what is wrong.
    mend: what the sender can do about it; empty for remarks.
    """

    code: IssueCode
    place: str
    says: str
    mend: str = ""
    severity: Severity = "error"

    @property
    def text(self) -> str:
        """What is wrong and how to mend it, in one line."""
        return f"{self.says}. {self.mend}".rstrip()


class RequestRefusedError(Exception):
    """A request that cannot be read at all.

    status: the HTTP status to answer with. problems: everything that was found.
    """

    def __init__(self, status: int, problems: Iterable[Problem]) -> None:
        """Keep the status and the problems."""
        self.status = status
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.text for problem in self.problems))


def refused(status: int, problem: Problem) -> RequestRefusedError:
    """Return the error for a single problem."""
    return RequestRefusedError(status, (problem,))


def errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return those that stand in the way."""
    return tuple(problem for problem in problems if problem.severity == "error")
