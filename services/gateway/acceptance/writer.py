"""Group commit: requests that wait at the same time share one transaction."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

import structlog
from sqlalchemy.exc import IntegrityError, OperationalError

from services.gateway.acceptance.decide import GroupOutcome
from services.gateway.acceptance.facts import Submission

log = structlog.get_logger(__name__)

FACTS_PER_TRANSACTION: Final = 2_000
WAITING_MAX: Final = 10_000
_TRIES: Final = 3

Outcomes = tuple[GroupOutcome, ...]
_Waiting = tuple[Submission, asyncio.Future[Outcomes]]


class Accepting(Protocol):
    """What stores submissions; see `services.gateway.acceptance.store`."""

    def accept(self, submissions: Sequence[Submission], now: datetime) -> list[Outcomes]:
        """Judge and store submissions in one transaction."""
        ...

    def is_moving(self, members: Sequence[str]) -> bool:
        """Return whether facts of some of these merged members are still to be moved."""
        ...


class NotStoredError(RuntimeError):
    """The database did not store a submission; sending it again is safe."""


class GroupWriter:
    """Takes submissions from all requests, and stores what waits in as few commits as it can."""

    def __init__(
        self, store: Accepting, now: Callable[[], datetime], accepted: asyncio.Event
    ) -> None:
        """Set `accepted` after each commit, so that the relay looks for work."""
        self._store = store
        self._now = now
        self._accepted = accepted
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(WAITING_MAX)

    async def accept(self, submission: Submission) -> Outcomes:
        """Return what became of each group, once it is on disk.

        Raises NotStoredError: the database refused or could not be reached.
        """
        answer: asyncio.Future[Outcomes] = asyncio.get_running_loop().create_future()
        await self._waiting.put((submission, answer))
        return await answer

    def is_moving(self, members: Sequence[str]) -> bool:
        """Return whether facts of some of these merged members are still to be moved."""
        return self._store.is_moving(members)

    async def run(self) -> None:
        """Store what arrives, until cancelled; whoever still waits then is told."""
        taken: list[_Waiting] = []
        try:
            while True:
                taken = await self._take()
                await self._store_all(taken)
        finally:
            while not self._waiting.empty():
                taken.append(self._waiting.get_nowait())
            for _, answer in taken:
                if not answer.done():
                    answer.set_exception(NotStoredError("the gateway is stopping"))

    async def _take(self) -> list[_Waiting]:
        taken = [await self._waiting.get()]
        size = _size(taken[0][0])
        while size < FACTS_PER_TRANSACTION and not self._waiting.empty():
            taken.append(self._waiting.get_nowait())
            size += _size(taken[-1][0])
        return taken

    async def _store_all(self, taken: Sequence[_Waiting]) -> None:
        try:
            outcomes = await self._try([submission for submission, _ in taken])
        except Exception as error:  # one bad submission must not fail the others
            if len(taken) > 1:
                for each in taken:
                    await self._store_all([each])
                return
            log.exception("a submission could not be stored")
            if not taken[0][1].done():
                taken[0][1].set_exception(NotStoredError(type(error).__name__))
            return
        self._accepted.set()
        for (_, answer), outcome in zip(taken, outcomes, strict=True):
            if not answer.done():
                answer.set_result(outcome)

    async def _try(self, submissions: Sequence[Submission]) -> list[Outcomes]:
        for left in reversed(range(_TRIES)):
            try:
                return await asyncio.to_thread(self._store.accept, submissions, self._now())
            except (IntegrityError, OperationalError):
                # Another process accepted the same id or member at the same moment: look again.
                if not left:
                    raise
        raise AssertionError


def _size(submission: Submission) -> int:
    return 1 + sum(len(group.facts) for group in submission.groups)
