"""What a stage does when a member's record was replaced by another: it lets go, and listens no more.

What the stage knew is learnt again under the other member, by the same facts (the gateway moves
them). What other stages had said before they heard of it may still be on its way, and is passed by.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from services.contract.change import changed
from services.contract.event import Event
from services.contract.member import MemberMerged
from services.contract.step import Draft, State, Step

S = TypeVar("S", bound=State)
Decide = Callable[[S, Event[Any], datetime], Step[S]]
Release = Callable[[S, Event[MemberMerged], datetime], tuple[Draft, ...]]


def nothing_to_say(state: State, event: Event[MemberMerged], at: datetime) -> tuple[Draft, ...]:
    """Let go without a word."""
    del state, event, at
    return ()


def until_merged(
    decide: Decide[S], begin: Callable[[], S], release: Release[S] = nothing_to_say
) -> Decide[S]:
    """Return `decide` for members that nobody has taken the place of.

    release: what is to be said when a member is let go.
    """

    def decided(state: S, event: Event[Any], at: datetime) -> Step[S]:
        if state.merged_into is not None:
            return Step(state)
        if isinstance(event.data, MemberMerged):
            gone = changed(begin(), merged_into=event.data.into)
            return Step(gone, release(state, event, at))
        return decide(state, event, at)

    return decided
