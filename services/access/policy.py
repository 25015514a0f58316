"""What a policy is asked and what it answers. There is one so far: everybody may everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol


@dataclass(frozen=True, slots=True)
class Asked:
    """A request before anything is done with it. headers: by name, in any case."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further. status: of the answer; detail: what the sender can do."""

    status: int
    title: str
    detail: str


class Policy(Protocol):
    """Who may ask for what, health and metrics included."""

    async def judge(self, asked: Asked) -> Refusal | None:
        """Return why a request is refused; None lets it through."""
        ...


class Everybody:
    """Lets everybody through."""

    async def judge(self, asked: Asked) -> Refusal | None:
        """Return None."""
        del asked
        return None


EVERYBODY: Final = Everybody()
