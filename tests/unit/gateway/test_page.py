"""The examples of docs/gateway.md do what the page says."""

import re
import shlex
from pathlib import Path

from services.contract.codec import decode
from services.runtime.settings import Settings
from tests.gateways import gateway

PAGE = Path(__file__).parents[3] / "docs" / "gateway.md"


def examples() -> list[tuple[str, dict[str, str], str]]:
    """Return path, headers and body of each curl command on the page."""
    found = []
    for block in re.findall(r"```sh\n(curl .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        words = shlex.split(block.replace("\\\n", " "))
        headers = dict(
            re.split(r":\s*", words[at + 1], maxsplit=1)
            for at, word in enumerate(words)
            if word == "-H"
        )
        path = next(word for word in words if word.startswith("http")).partition(":8080")[2]
        found.append((path, headers, words[words.index("-d") + 1]))
    return found


async def test_the_examples_of_the_page_are_accepted(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        statuses = []
        for path, headers, body in examples():
            headers.pop("Prefer", None)
            answer = await client.post(path, content=body, headers=headers)
            statuses.append(answer.status_code)
        types = [decode(row.record).type for row in door.store.unsent(100)]

    assert statuses == [200, 200]
    assert types == [
        "careloop.member.registered.v1",
        "careloop.visit.registered.v1",
        "careloop.charge.posted.v1",
        "careloop.visit.discharged.v1",
        "careloop.visit.cancelled.v1",
    ]
