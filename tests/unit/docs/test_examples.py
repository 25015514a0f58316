"""What the README shows: the files that it sends, the code that it runs, and what they print."""

import contextlib
import io
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from services.contract.codec import decode
from services.contract.topics import PAYMENT_EVENTS
from services.gateway.routes import Gateway
from services.runtime.inprocess import InProcess
from services.runtime.settings import Settings
from services.settlement.app import STAGE as SETTLEMENT
from services.treatment.app import STAGE as TREATMENT
from tests.gateways import gateway

ROOT = Path(__file__).parents[3]
STAY = (ROOT / "docs/examples/hospital-stay.fhir.json").read_bytes()
CORRECTION = (ROOT / "docs/examples/correction.cloudevents.json").read_bytes()
READMES = ["README.md", "README.zh-CN.md"]
BATCH = {"content-type": "application/cloudevents-batch+json"}
FHIR = {"content-type": "application/fhir+json", "careloop-source": "urn:example:hospital"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def blocks(name: str, language: str) -> list[str]:
    text = (ROOT / name).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def decisions(door: Gateway) -> list[Any]:
    """Fold what the gateway accepted through treatment and settlement."""
    run = InProcess([TREATMENT, SETTLEMENT])
    for row in door.store.unsent(1_000):
        event = decode(row.record)
        run.publish(event.data, at=event.time, member=event.subject, episode=event.correlation_id)
    run.run()
    return [each.data for each in run.events(PAYMENT_EVENTS) if "decided" in each.type]


async def test_the_stay_is_accepted_once_and_settled_as_the_readme_says(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        first = await client.post("/fhir", content=STAY, headers=FHIR)
        again = await client.post("/fhir", content=STAY, headers=FHIR)
        counted = (await client.get("/progress")).json()
        decided = decisions(door)

    assert {each["response"]["status"] for each in first.json()["entry"]} == {"201 Created"}
    assert {each["response"]["status"] for each in again.json()["entry"]} == {"200 OK"}
    assert (counted["accepted"], counted["duplicates"]) == (8, 8)
    assert len(decided) == 1
    shown = {"billed": decided[0].billed} | decided[0].parts.model_dump()
    lines = "".join(f"{name:17}{amount / 100:>10,.2f}\n" for name, amount in shown.items())
    assert lines in blocks("README.md", "")


async def test_the_correction_is_decided_again_as_the_readme_says(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await client.post("/fhir", content=STAY, headers=FHIR)
        answer = await client.post("/events", content=CORRECTION, headers=BATCH)
        decided = decisions(door)

    assert answer.json()["accepted"] == 3
    assert [each.billed for each in decided] == [86_400_00, 91_200_00]
    parts = decided[-1].parts
    assert (parts.social_insurance, parts.insurer, parts.member) == (
        67_800_00,
        13_400_00,
        10_000_00,
    )


@pytest.mark.parametrize("name", READMES)
def test_the_stages_run_by_hand_print_what_is_shown(name: str) -> None:
    (code,) = blocks(name, "python")

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, name, "exec"), {})  # noqa: S102  # our own page

    assert printed.getvalue() in blocks(name, "")


def test_both_readmes_show_the_same() -> None:
    """What is pasted is the same to the letter; what is not done yet is as long a list."""
    for language in ("sh", "python"):
        assert blocks(READMES[0], language) == blocks(READMES[1], language)
    english, chinese = ((ROOT / name).read_text("utf-8") for name in READMES)
    assert len(re.findall(r"^\| \*\*", english, re.MULTILINE)) == len(
        re.findall(r"^- \*\*", chinese.partition("目前的局限")[2], re.MULTILINE)
    )
    assert "会员" not in chinese  # a member is 参保人, one who is insured


@pytest.mark.parametrize("name", READMES)
def test_the_code_can_be_pasted_into_a_prompt(name: str) -> None:
    (code,) = blocks(name, "python")

    pasted = subprocess.run(
        [sys.executable, "-i", "-q"],
        input=code,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )

    assert "Error" not in pasted.stderr, pasted.stderr
    # A prompt also shows what an expression gives.
    assert any(pasted.stdout.endswith(shown) for shown in blocks(name, ""))


def receiver(name: str, hook: Path) -> type[BaseHTTPRequestHandler]:
    shell = "".join(blocks(name, "sh"))
    found = re.search(
        r"<<'PYTHON'\n(import http\.server.*?)^PYTHON$", shell, re.DOTALL | re.MULTILINE
    )
    assert found is not None
    code = found[1].replace("try/hook.json", str(hook))
    code = code.partition("server = ")[0]
    scope: dict[str, Any] = {}
    exec(compile(code, name, "exec"), scope)  # noqa: S102  # our own page
    made: type[BaseHTTPRequestHandler] = scope["Receiver"]
    return made


@pytest.mark.parametrize("name", READMES)
def test_the_receiver_prints_what_is_signed_and_refuses_the_rest(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    hook = tmp_path / "hook.json"
    hook.write_text(f'{{"secret": "{secret}"}}')
    body = '{"number": 1, "subject": "m1", "data": {"milestone": "discharged"}}'
    now = datetime.now(UTC)
    signed = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body),
    }
    server = HTTPServer(("127.0.0.1", 0), receiver(name, hook))
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a refusal is expected
    threading.Thread(target=server.serve_forever, daemon=True).start()

    good = _post(server.server_port, body, signed)
    forged = _post(server.server_port, body.replace("m1", "m2"), signed)
    server.shutdown()
    server.server_close()

    assert (good, forged) == (204, None)
    assert capsys.readouterr().out == "1 m1 discharged\n"


def _post(port: int, body: str, headers: dict[str, str]) -> int | None:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", "/", body, headers)
        return connection.getresponse().status
    except ConnectionError:
        return None
    finally:
        connection.close()
