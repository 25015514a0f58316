"""A small HTTP/1.1 client on kept-alive connections, so that the client is not what is measured."""

import asyncio
from typing import Self


class Connection:
    """One connection; one request at a time."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def open(self) -> Self:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(
            self._host, self._port, limit=1 << 24
        )
        return self

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the answer to a whole request.

        A connection that the server has closed meanwhile is opened again: it keeps an idle one for
        a few seconds only.
        """
        try:
            self._writer.write(request)
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            await self.open()
            self._writer.write(request)
            head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        fields = (line.partition(b":") for line in head.lower().split(b"\r\n")[1:])
        length = next((int(value) for name, _, value in fields if name == b"content-length"), 0)
        return status, await self._reader.readexactly(length)

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()


def post(path: str, content_type: str, body: bytes, **headers: str) -> bytes:
    """Return a whole POST request."""
    fields = {"host": "careloop", "content-type": content_type, "content-length": str(len(body))}
    lines = (f"{name}: {value}\r\n" for name, value in {**fields, **headers}.items())
    return f"POST {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode() + body
