"""What the tests of subscriptions share: milestones, a clock to turn, a receiver on loopback."""

import asyncio
import hmac
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest
from cryptography.fernet import Fernet
from standardwebhooks import Webhook

from services.contract.codec import encode
from services.contract.event import Event
from services.contract.milestones import TreatmentMilestone
from services.contract.topics import CARE_MILESTONES
from services.runtime.database import open_database
from services.runtime.projection import Batch, Logged
from services.subscriptions.app import MIGRATIONS
from services.subscriptions.keyring import Keyring
from services.subscriptions.matching import note
from services.subscriptions.store.recording import Recorder
from services.subscriptions.store.sending import Outbox
from services.subscriptions.store.subscribing import NewSubscription, Subscriptions

AT = datetime(2026, 3, 1, tzinfo=UTC)
KEYRING = Keyring([Fernet.generate_key().decode()])
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Clock:
    """Wall time that a test can turn forward."""

    ahead_ms: int = 0

    def __call__(self):
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def forward(self, seconds):
        self.ahead_ms += int(seconds * 1000)


class Feed:
    """Feeds milestones to a recorder as a partition of the log would."""

    def __init__(self, recorder, clock, partition=0):
        self._recorder = recorder
        self._clock = clock
        self._partition = partition
        self._offset = 0

    def milestone(self, event_id, *insurers, milestone="discharged"):
        data = TreatmentMilestone(
            pathway=None, insurers=insurers, episode="visit-1", milestone=milestone
        )
        return Event(event_id, "/careloop/treatment", "member-1", "home-1", AT, AT, 1, data)

    def batch(self, *events):
        start = self._offset
        self._offset += len(events)
        logged = tuple(
            Logged(start + n, 0, event, encode(event).value) for n, event in enumerate(events)
        )
        return Batch(CARE_MILESTONES, self._partition, start, self._offset, logged)

    def publish(self, *events):
        batch = self.batch(*events)
        noted = [note(logged.event) for logged in batch.events]
        return self._recorder.record([batch], noted, self._clock())


@dataclass
class Received:
    """One request as a receiver saw it."""

    headers: dict[str, str]
    body: bytes
    event: dict


@dataclass
class Receiver:
    """An insurer's webhook on loopback. `answers` are given in turn; the last one stays.

    awaits: no answer is given before it is set.
    """

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=lambda: [(204, {})])
    received: list[Received] = field(default_factory=list)
    awaits: threading.Event | None = None
    body: bytes = b""
    url: str = ""
    cut_short: bool = False
    secret: str = SECRET

    @property
    def numbers(self):
        return [each.event["number"] for each in self.received]

    def handle(self, request):
        body = request.rfile.read(int(request.headers["content-length"]))
        headers = {name.lower(): value for name, value in request.headers.items()}
        sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        # `verify` refuses a time that a test has turned forward; the signature is the same.
        expected = Webhook(self.secret).sign(headers["webhook-id"], sent_at, body.decode())
        assert hmac.compare_digest(expected, headers["webhook-signature"])
        self.received.append(Received(headers, body, orjson.loads(body)))
        if self.awaits is not None:
            self.awaits.wait(30)
        status, extra = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        request.send_response(status)
        for name, value in extra.items():
            request.send_header(name, value)
        if status != 204:
            request.send_header("content-length", str(len(self.body)))
        request.end_headers()
        try:
            request.wfile.write(self.body)
        except ConnectionError:
            self.cut_short = True


@contextmanager
def receiving(receiver):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            receiver.handle(self)

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/in"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def eventually():
    """Return a function that waits until a condition holds, at most half a minute."""

    async def wait(condition):
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110  # other threads and processes move it
                await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def engine(database_settings):
    opened = open_database(database_settings, "subscriptions", MIGRATIONS)
    yield opened
    opened.dispose()


@pytest.fixture
def subscriptions(engine):
    return Subscriptions(engine, KEYRING)


@pytest.fixture
def outbox(engine):
    return Outbox(engine, KEYRING)


@pytest.fixture
def feed(engine, clock):
    return Feed(Recorder(engine), clock)


@pytest.fixture
def other_feed(engine, clock):
    """A second partition of the same topic."""
    return Feed(Recorder(engine), clock, partition=1)


@pytest.fixture
def start_receiver():
    """Return a function that opens a receiver; all are closed after the test."""
    with ExitStack() as stack:
        yield lambda *answers, **more: stack.enter_context(
            receiving(
                Receiver(
                    answers=[
                        (status, {}) if isinstance(status, int) else status for status in answers
                    ]
                    or [(204, {})],
                    **more,
                )
            )
        )


@pytest.fixture
def subscribe(subscriptions, clock):
    """Return a function that subscribes an insurer and returns the subscription's id."""

    def make(name, insurer="insurer-a", url=None, kinds=None, *, from_beginning=False):
        secret = url and SECRET
        wanted = NewSubscription(
            name, insurer, url, kinds, f"token-of-{name}", secret, from_beginning
        )
        subscriptions.subscribe(wanted, clock())
        return name

    return make


@pytest.fixture
def door_settings(database_settings):
    return database_settings.model_copy(
        update={"subscriptions_port": 0, "allow_loopback_webhooks": True}
    )


@pytest.fixture
async def client(subscriptions, door_settings, clock):
    from tests.integration.test_subscriptions.doors import open_door

    async with open_door(subscriptions, door_settings, clock) as opened:
        yield opened
