from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from services.cli.live_view import LiveView, Process, Snapshot, plain_line, render
from services.contract import care, milestones, payment, visit
from services.contract.clock import ClockTicked
from services.contract.event import Event, EventData
from services.contract.visit import Provider
from services.timeline.happenings import Happening, happening
from services.timeline.tally import Tally

WHEN = datetime(2025, 3, 4, 8, tzinfo=UTC)
OWNED = Provider(id="hospital-owned-1", network="owned")


class Log:
    """Numbers the events of one household per producer, as the services do."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def event(self, producer: str, data: EventData, member: str = "m-1") -> Event[EventData]:
        number = self.numbers[producer] = self.numbers.get(producer, 0) + 1
        return Event(
            id=f"{producer}-{number}",
            source="/test",
            subject=member,
            household="m-1",
            time=WHEN,
            recorded_time=WHEN,
            sequence=number,
            data=data,
        )


def decided(billed: int = 10_000_00, social: int = 6_000_00) -> payment.DirectPayDecided:
    parts = payment.Parts(
        social_insurance=social, insurer=0, subsidy=0, member=billed - social, written_off=0
    )
    share = payment.Share(
        cover_id="c-1",
        product="basic-medical",
        payer="social_insurance",
        insurer="social-insurance-fund",
        amount=social,
    )
    steps = (("social_insurance", billed, social), ("member", billed - social, billed - social))
    return payment.DirectPayDecided(
        request_id="r-1",
        episode="v-1",
        service_date=WHEN.date(),
        provider=OWNED,
        currency="CNY",
        billed=billed,
        parts=parts,
        shares=(share,),
        trace=tuple(
            payment.TraceStep(rule="x@1/y", payer=payer, open_before=before, taken=taken, note="so")
            for payer, before, taken in steps
        ),
        outcome="partly_settled",
    )


def reversal(of: payment.DirectPayDecided) -> payment.PaymentReversed:
    kept = of.model_dump(include=set(payment.PaymentReversed.model_fields) - {"reason"})
    return payment.PaymentReversed.model_validate(kept | {"reason": "cancelled"})


def milestone(name: str) -> milestones.RehabilitationMilestone:
    return milestones.RehabilitationMilestone(
        pathway="stroke", milestone=name, insurers=(), episode=None
    )


def drawn(snapshot: Snapshot, width: int = 100, height: int = 30) -> list[str]:
    console = Console(width=width, height=height, force_terminal=True, record=True, file=StringIO())
    console.print(render(snapshot))
    return console.export_text().rstrip("\n").split("\n")


def full_snapshot() -> Snapshot:
    log, tally = Log(), Tally()
    tally.add(log.event("settlement", decided()), WHEN + timedelta(milliseconds=250))
    tally.add(log.event("rehabilitation", milestone("goal_reached")))
    due = care.ScreeningScheduled(
        pathway="hypertension",
        due=WHEN.date(),
        reason="rehabilitation_finished",
        closes_loop=True,
    )
    tally.add(log.event("screening", due))
    tally.add(log.event("clock", ClockTicked(partition=0), member=""))
    names = ("gateway", "screening", "management", "treatment", "rehabilitation", "settlement")
    return Snapshot(
        tally=tally,
        running_s=83.0,
        facts_per_s=211.4,
        decisions_per_s=32.5,
        history=(10.0, 100.0, 211.0),
        processes=(
            *(Process(name, "running", lag=7) for name in names),
            Process("ledger", "restarting", restarts=2),
        ),
        happenings=(Happening(WHEN, "康", "m-7", "goal: from 40 to 60 on the Barthel index"),),
        doors=(("http", "http://127.0.0.1:8080"), ("kafka", "127.0.0.1:9092")),
        behind_days=12.3,
    )


def test_the_screen_fits_100_columns_by_30_lines_and_says_everything():
    lines = drawn(full_snapshot())

    screen = "\n".join(lines)
    assert len(lines) == 30
    for words in (
        "04 Mar 2025",
        "01:23",
        "Ctrl-C stops cleanly",
        "筛 → 管 → 治 → 康 → 筛",
        "1 at goal",
        "loops closed",
        "10,000.00 CNY",
        "6,000.00 CNY",
        "60%",
        "211",
        "250 ms",
        "goal: from 40 to 60",
        "http://127.0.0.1:8080",
        "127.0.0.1:9092",
        "(12 days behind its clock)",
        "rehabilitation 7",
        "ledger 2↻",
    ):
        assert words in screen, words


@pytest.mark.parametrize("width", [40, 60, 80, 100, 220])
@pytest.mark.parametrize("height", [12, 24, 30, 60])
def test_an_address_is_never_cut(width, height):
    address = "http://127.0.0.1:38080/fhir and http://127.0.0.1:38080/events"
    doors = (("Hospitals publish", address), ("In another shell", f". /{'a' * 90}/env.sh"))

    lines = drawn(replace(full_snapshot(), doors=doors), width, height)

    text = "".join(line.strip("│ ") for line in lines).replace(" ", "")
    assert address.replace(" ", "") in text
    assert f"./{'a' * 90}/env.sh" in text


def test_a_city_that_keeps_pace_is_not_said_to_be_behind():
    on_time = replace(full_snapshot(), behind_days=2.9)

    assert "behind its clock" not in "\n".join(drawn(on_time)) + plain_line(on_time)
    assert "(12 days behind its clock)" in plain_line(full_snapshot())


@pytest.mark.parametrize(("width", "height"), [(60, 20), (100, 30), (220, 60)])
def test_an_empty_run_can_be_drawn_at_any_size(width, height):
    lines = drawn(Snapshot(tally=Tally(), running_s=0.0), width, height)

    assert len(lines) == height
    assert "not started" in "\n".join(lines)


def test_the_shares_of_the_payers_sum_to_what_is_billed_and_a_reversal_takes_them_back():
    log, tally = Log(), Tally()
    first, second = decided(), decided(billed=500_00, social=300_00)

    tally.add(log.event("settlement", first))
    tally.add(log.event("settlement", second))
    tally.add(log.event("settlement", reversal(first)))

    amounts = tally.summary()["amounts"]["CNY"]
    assert amounts.pop("billed") == 500_00 == sum(amounts.values())
    assert tally.summary()["decisions"] == {"partly_settled": 2, "reversed": 1}


def test_an_event_that_is_read_twice_counts_once():
    log, tally = Log(), Tally()
    event = log.event("settlement", decided())

    counted = [tally.add(event), tally.add(event)]

    assert counted == [True, False]
    assert tally.summary()["log_counts"] == {payment.DirectPayDecided.TYPE: 1}
    assert tally.amounts["CNY"]["billed"] == 10_000_00


def test_a_member_counts_once_in_the_funnel_and_every_milestone_counts_in_the_summary():
    log, tally = Log(), Tally()

    for member in ("m-1", "m-2", "m-1"):
        tally.add(log.event("rehabilitation", milestone("goal_reached"), member))

    assert tally.members_at("rehabilitation.goal_reached") == 2
    assert tally.summary()["milestones"]["rehabilitation"] == 3


def test_a_loop_closes_once_whichever_pathways_it_was_of():
    log, tally = Log(), Tally()

    for pathway in ("hypertension", "type_2_diabetes"):
        due = care.ScreeningScheduled(
            pathway=pathway, due=WHEN.date(), reason="rehabilitation_finished", closes_loop=True
        )
        tally.add(log.event("screening", due)._replace(causation_id="the-end"))

    assert tally.loops_completed == 1


def test_a_visit_counts_once_however_often_it_is_registered():
    log, tally = Log(), Tally()
    registered = visit.VisitRegistered(visit_id="v-1", visit_class="ambulatory", provider=OWNED)

    tally.add(log.event("gateway", registered))
    tally.add(log.event("gateway", registered))

    assert tally.visits == 1
    assert tally.facts == 2


def test_latency_is_from_acceptance_to_the_log_by_nearest_rank():
    log, tally = Log(), Tally()

    for taken_ms in (100, 300, 200, 900):
        event = log.event("settlement", decided())
        tally.add(event, WHEN + timedelta(milliseconds=taken_ms))

    assert tally.latency_ms(50) == 200
    assert tally.latency_ms(99) == 900


def test_a_small_bill_is_no_news_and_a_large_one_is():
    log = Log()

    small = happening(log.event("settlement", decided(billed=100_00, social=60_00)))
    large = happening(log.event("settlement", decided()))

    assert small is None
    assert large is not None
    assert large.words == ("partly settled: 10,000.00 CNY billed, the member pays 4,000.00 CNY")


def test_without_a_terminal_there_is_a_plain_line_every_few_seconds():
    paper = StringIO()
    console = Console(file=paper, width=80)

    with LiveView(console) as view:
        for second in range(12):
            view.update(Snapshot(tally=Tally(), running_s=float(second)))

    lines = paper.getvalue().splitlines()
    assert [line[:5] for line in lines] == ["00:00", "00:05", "00:10"]
    assert "\x1b" not in paper.getvalue()


def test_the_plain_line_tells_the_money_and_the_loops():
    line = plain_line(full_snapshot())

    assert "loops closed: 1" in line
    assert "10,000.00 CNY billed, members pay 4,000.00 CNY" in line
