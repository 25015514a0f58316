"""The server in front of the doors: what reaches them over a connection, and what does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.gateway.server import HEAD_BYTES_MAX, server
from services.runtime.settings import Settings

BODY = b"x" * (3 * HEAD_BYTES_MAX)


async def echo_length(request: Request) -> Response:
    return Response(str(len(await request.body())))


@asynccontextmanager
async def connected(
    settings: Settings,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    app = Starlette(routes=[Route("/", echo_length, methods=["POST"])])
    running = server(app, settings.model_copy(update={"http_port": 0}), stop_s=1)
    serving = asyncio.create_task(running.serve())
    while not running.started:  # noqa: ASYNC110  # uvicorn says so in no other way
        await asyncio.sleep(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield reader, writer
    writer.close()
    running.should_exit = True
    await serving


async def test_a_head_that_does_not_end_is_refused_and_the_connection_closed(
    settings: Settings,
) -> None:
    async with connected(settings) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\n")
        for part in (b"x: ", b"y" * (HEAD_BYTES_MAX - 100), b"y" * 200):
            await writer.drain()
            await asyncio.sleep(0.1)  # a read of its own
            writer.write(part)

        said = await asyncio.wait_for(reader.read(), 10)

    assert said.startswith(b"HTTP/1.1 400")
    assert b"too long" in said


async def test_trailers_that_do_not_end_close_the_connection(settings: Settings) -> None:
    async with connected(settings) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        writer.write(b"2\r\nhi\r\n0\r\n")
        trailer = b"x: " + b"y" * 10_000 + b"\r\n"
        for _ in range(2 + HEAD_BYTES_MAX // len(trailer)):
            await writer.drain()
            await asyncio.sleep(0.05)  # a read of its own
            writer.write(trailer)

        said = await asyncio.wait_for(reader.read(), 10)

    assert said == b""


async def test_bodies_longer_than_any_head_are_read_also_one_after_another_without_a_pause(
    settings: Settings,
) -> None:
    request = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
    async with connected(settings) as (reader, writer):
        writer.write(request * 3)

        answers = [
            await asyncio.wait_for(reader.readuntil(str(len(BODY)).encode()), 10) for _ in range(3)
        ]

    assert all(b"HTTP/1.1 200" in answer for answer in answers)
