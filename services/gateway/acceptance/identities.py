"""Business identifiers, and the resources that a sender has given them to.

An identifier is a person's own data. What is kept of it is a hash, by which the same can be found.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.gateway.acceptance.problems import Problem


class Identifier(NamedTuple):
    """What FHIR writes as `system|value`, of a type of resource; a system left out is empty."""

    type: str
    system: str
    value: str

    def key(self, namespace: str) -> str:
        """Return the hash that stands for it among the senders that share a namespace."""
        return hashlib.sha256("\0".join((namespace, *self)).encode()).hexdigest()

    def __str__(self) -> str:
        """Return it as a FHIR search has it."""
        return f"{self.system}|{self.value}"


class Named(NamedTuple):
    """The id of the resource that has an identifier. several: others have it, too."""

    id: str
    several: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """That a resource has an identifier. only_one: it is made on condition that no other has it."""

    identifier: Identifier
    id: str
    source: str
    place: str
    only_one: bool = False


def identity_problems(
    identities: Iterable[Identity], known: Mapping[str, Named], namespace: str
) -> list[Problem]:
    """Return which resources are made on a condition that holds no more."""
    mend = "Send the request again, as it is: it then finds that one."
    return [
        Problem(
            "conflict",
            each.place,
            f"Another {each.identifier.type} was given the identifier at this moment",
            mend,
        )
        for each in identities
        if each.only_one
        and (named := known.get(each.identifier.key(namespace))) is not None
        and named.id != each.id
    ]


def learnt(
    identities: Iterable[Identity], known: Mapping[str, Named], namespace: str
) -> dict[str, Named]:
    """Return, by key, what is new of who has which identifier."""
    new: dict[str, Named] = {}
    for each in identities:
        key = each.identifier.key(namespace)
        before = new.get(key) or known.get(key)
        if before is None:
            new[key] = Named(each.id)
        elif before.id != each.id and not before.several:
            new[key] = Named(before.id, several=True)
    return new
