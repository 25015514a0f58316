"""The HTTP server in front of the application: uvicorn, on a parser in C."""

import contextlib
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.runtime.settings import Settings

HEAD_BYTES_MAX: Final = 64 << 10
"""The most that a request's line and headers may take, give or take what two reads bring."""


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
    """HTTP/1.1 with a bound to what the parser gathers, of which it takes any size by itself.

    That is the head of a request, but also the trailers of a body and the extensions of a chunk:
    whatever comes without a piece of body, or the end of something, being delivered.
    """

    _delivered = False
    _gathered_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Read on; what does not end is answered with 400, where nothing else is to be answered."""
        self._delivered = False
        super().data_received(data)
        self._gathered_bytes = 0 if self._delivered else self._gathered_bytes + len(data)
        if self._gathered_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            if self.cycle is None:
                self.send_400_response("The head of the request is too long.")
            else:
                self.transport.close()

    def on_headers_complete(self) -> None:
        """Note that a head has ended."""
        self._delivered = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Note that a piece of body has come."""
        self._delivered = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that a request has ended."""
        self._delivered = True
        super().on_message_complete()
