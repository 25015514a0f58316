"""Ids that say whose they are.

An id is unique at its sender only. Senders that share their ids share a namespace; two namespaces
never do. The namespace that has an id first keeps it as it is; for any other it becomes
`<id>#<namespace>`.
"""

from functools import lru_cache
from typing import Final

from services.contract.ids import stable_id
from services.gateway.acceptance.facts import is_id

CARELOOP: Final = "careloop"
"""The namespace of those who speak of members in Careloop's own ids, whoever registered them."""

MARK: Final = "#"
"""Stands before the namespace in an id that is not its sender's own."""


@lru_cache(maxsize=65_536)
def scoped(sent: str, namespace: str) -> str:
    """Return an id that says whose it is; one that would be too long becomes a short one.

    No two pairs of id and namespace give the same, and none gives an id without a mark. An id that
    is marked for this namespace already is its sender's to use: it was told of it.
    """
    if namespace == CARELOOP:
        return sent
    marked = f"{MARK}{namespace}"
    if MARK not in namespace:
        if sent.endswith(marked) and MARK not in sent[: -len(marked)]:
            return sent
        if is_id(sent + marked):
            return sent + marked
    return f"{stable_id('gateway', 'scope', namespace, sent)}{MARK}{MARK}"


def named(sent: str, namespace: str, home: str | None) -> str:
    """Return Careloop's id for a member or household; home: whose it is as it stands, if known."""
    if MARK in sent or home not in {None, namespace}:
        return scoped(sent, namespace)
    return sent
