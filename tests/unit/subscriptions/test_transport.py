"""What is dialled: a fake resolver in front, a fake connector behind, no address in between."""

import asyncio

import httpx
import pytest

from services.subscriptions.dispatch import GuardedTransport, resolve
from services.subscriptions.guard import AddressRefusedError


class Connector(httpx.AsyncBaseTransport):
    """Remembers what would have been dialled; addresses in `down` cannot be reached."""

    def __init__(self, down=()):
        self.dialled = []
        self._down = set(down)

    async def handle_async_request(self, request):
        if request.url.host in self._down:
            raise httpx.ConnectError("down")
        self.dialled.append(request)
        return httpx.Response(302, headers={"location": "http://127.0.0.1/"})


def _client(connector, names, *, allow_loopback=False):
    async def answer(host, _port):
        found = names[host]
        if isinstance(found, Exception):
            raise found
        return found.pop(0) if isinstance(found[0], list) else found

    transport = GuardedTransport(connector, answer, allow_loopback=allow_loopback)
    return httpx.AsyncClient(transport=transport, trust_env=False)


async def test_the_checked_address_is_dialled_under_the_name_that_was_asked_for():
    connector = Connector()
    client = _client(connector, {"hook.example": ["8.8.8.8"]})

    await client.post("https://hook.example:8443/in?a=1", content=b"{}")

    [request] = connector.dialled
    assert str(request.url) == "https://8.8.8.8:8443/in?a=1"
    assert request.headers["host"] == "hook.example:8443"
    assert request.extensions["sni_hostname"] == "hook.example"
    assert request.method == "POST"


async def test_an_ipv6_address_is_dialled_too():
    connector = Connector()
    client = _client(connector, {"hook.example": ["2606:4700:4700::1111"]})

    await client.get("https://hook.example/")

    assert connector.dialled[0].url.host == "2606:4700:4700::1111"


async def test_a_name_that_leads_inside_is_never_dialled():
    connector = Connector()
    client = _client(connector, {"hook.example": ["8.8.8.8", "169.254.169.254"]})

    with pytest.raises(AddressRefusedError):
        await client.get("https://hook.example/")

    assert connector.dialled == []


async def test_a_name_that_changes_its_answer_gains_nothing():
    connector = Connector()
    client = _client(connector, {"hook.example": [["8.8.8.8"], ["127.0.0.1"]]})

    await client.get("https://hook.example/")
    with pytest.raises(AddressRefusedError):
        await client.get("https://hook.example/")

    assert [request.url.host for request in connector.dialled] == ["8.8.8.8"]


async def test_a_redirect_inside_is_not_followed():
    connector = Connector()
    client = _client(connector, {"hook.example": ["8.8.8.8"]})

    response = await client.get("https://hook.example/")

    assert response.status_code == 302
    assert len(connector.dialled) == 1


async def test_the_next_checked_address_is_tried_when_one_is_down():
    connector = Connector(down=["8.8.8.8"])
    client = _client(connector, {"hook.example": ["8.8.8.8", "1.1.1.1"]})

    await client.get("https://hook.example/")

    assert [request.url.host for request in connector.dialled] == ["1.1.1.1"]


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")])
async def test_a_name_that_cannot_be_resolved_is_a_connection_error(error):
    client = _client(Connector(), {"hook.example": error})

    with pytest.raises(httpx.ConnectError, match="cannot be resolved"):
        await client.get("https://hook.example/")


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f000001", "0177.0.1", "127.1"])
async def test_unusual_spellings_of_loopback_are_seen_through(spelling):
    connector = Connector()
    transport = GuardedTransport(connector, resolve, allow_loopback=False)

    async with asyncio.timeout(5), httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(AddressRefusedError, match="loopback"):
            await client.get(f"https://{spelling}/")

    assert connector.dialled == []
