"""From an event to its entry in the journal. Pure: amounts in, postings out.

The books are kept from the middle, between those who are owed and those who bear: what a provider
billed is a debt to it, what a payer bears is a claim on that payer, and a bill that waits for its
decision stands in between. Amounts are minor units; a debit is positive, a credit negative.
"""

import hashlib
from collections.abc import Mapping
from typing import Literal, NamedTuple, assert_never

from services.contract.codec import instant_text
from services.contract.event import Event
from services.ledger.bills import Bill, Booked, Decision, Reversal
from services.lives.entries import EntryKind

AccountKind = Literal[
    "provider", "undecided", "social_insurance", "insurer", "subsidy", "member", "written_off"
]


class UnbalancedError(ValueError):
    """An entry whose debits and credits differ; the text names the event and the difference."""


class Account(NamedTuple):
    """Where amounts are kept, in one currency.

    provider: owed to the care provider `party`. undecided: billed and not yet decided.
    social_insurance, insurer, subsidy: borne by the payer `party`. member: borne by members, who
    are not named in the books. written_off: waived by the provider `party`.
    """

    kind: AccountKind
    party: str
    currency: str


class Posting(NamedTuple):
    """One line of an entry: a debit above zero, a credit below."""

    account: Account
    amount: int


class Entry(NamedTuple):
    """What one event does to the books; its postings sum to zero.

    fingerprint: of the event's body. outcome: of a decision. split: digest of who bears what, to
    compare a reversal with its decision; empty for a bill.
    """

    event_id: str
    event_type: str
    fingerprint: str
    request_id: str
    kind: EntryKind
    outcome: str | None
    currency: str
    billed: int
    split: str
    occurred_at: str
    postings: tuple[Posting, ...]


def fingerprint(event_type: str, body: bytes) -> str:
    """Return a short digest of what an event says, its type included."""
    return _digest(event_type.encode() + b"\n" + body)


def entry_for(event: Event[Booked], body: bytes) -> Entry:
    """Return the entry that an event makes; body: its data as it stands on the log.

    Raises:
        UnbalancedError: the event's parts do not sum to what it says was billed.
    """
    match event.data:
        case Bill() as bill:
            undecided = Account("undecided", "", bill.currency)
            owed = Account("provider", bill.provider.id, bill.currency)
            amounts = {undecided: bill.billed, owed: -bill.billed}
            return _entry(event, body, "billed", None, amounts, "")
        case Decision() as decided:
            borne = _borne(decided)
            undecided = Account("undecided", "", decided.currency)
            amounts = {**borne, undecided: -decided.billed}
            return _entry(event, body, "decided", decided.outcome, amounts, _split(borne))
        case Reversal() as undone:
            borne = _borne(undone)
            owed = Account("provider", undone.provider.id, undone.currency)
            amounts = {account: -amount for account, amount in borne.items()}
            amounts[owed] = undone.billed
            return _entry(event, body, "reversed", None, amounts, _split(borne))
        case _ as other:
            assert_never(other)


def _entry(
    event: Event[Booked],
    body: bytes,
    kind: EntryKind,
    outcome: str | None,
    amounts: Mapping[Account, int],
    split: str,
) -> Entry:
    difference = sum(amounts.values())
    if difference:
        problem = f"event {event.id}: debits exceed credits by {difference}"
        raise UnbalancedError(problem)
    data = event.data
    return Entry(
        event_id=event.id,
        event_type=event.type,
        fingerprint=fingerprint(event.type, body),
        request_id=data.request_id,
        kind=kind,
        outcome=outcome,
        currency=data.currency,
        billed=data.billed,
        split=split,
        occurred_at=instant_text(event.time),
        postings=tuple([Posting(*posting) for posting in amounts.items() if posting[1]]),
    )


def _borne(data: Decision | Reversal) -> dict[Account, int]:
    """Say who bears what: payers by their shares, the rest by the parts."""
    currency = data.currency
    borne: dict[Account, int] = {}
    for share in data.shares:
        payer = Account(share.payer, share.insurer, currency)
        borne[payer] = borne.get(payer, 0) + share.amount
    borne[Account("member", "", currency)] = data.parts.member
    borne[Account("written_off", data.provider.id, currency)] = data.parts.written_off
    return borne


def _split(borne: Mapping[Account, int]) -> str:
    lines = sorted([f"{':'.join(account)} {amount}" for account, amount in borne.items() if amount])
    return _digest("\n".join(lines).encode())


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]
