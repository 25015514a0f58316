"""The HTTP server in front of the application: uvicorn, on a parser in C."""

import contextlib
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.runtime.settings import Settings

HEAD_BYTES_MAX: Final = 64 << 10
"""The most that a request's line and headers may take, give or take what one read brings."""


class Server(uvicorn.Server):
    """A server that leaves the signals to `run_until_stopped`, so that a stop ends with status 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def server(app: ASGIApp, settings: Settings, stop_s: int) -> Server:
    """Return a server of `app` that, when stopped, gives requests under way `stop_s` seconds."""
    return Server(
        uvicorn.Config(
            app,
            host=settings.http_host,
            port=settings.http_port,
            http=BoundedHead,
            log_config=None,
            access_log=False,
            proxy_headers=False,  # nobody asks who the client is
            timeout_graceful_shutdown=stop_s,
        )
    )


class BoundedHead(HttpToolsProtocol):
    """HTTP/1.1 with a bound to the head of a request, of which the parser itself takes any size."""

    _unfinished_head: object = None
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Read on; a head that does not end is answered with 400, and the connection closed."""
        before = self._unfinished_head
        super().data_received(data)
        goes_on = before is not None and before is self._unfinished_head
        self._head_bytes = self._head_bytes + len(data) if goes_on else 0
        if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        super().on_message_begin()
        self._unfinished_head = self.headers

    def on_headers_complete(self) -> None:
        """Note that the head has ended."""
        self._unfinished_head = None
        super().on_headers_complete()
