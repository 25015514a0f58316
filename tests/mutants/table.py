"""Planted bugs: each takes one guard or one rule away, and something must turn red.

A mutant is a text that stands once in a file, and what stands in its place.
"""

from dataclasses import dataclass
from typing import Final

FOLD: Final = "services/runtime/fold.py"
HOUSEHOLD: Final = "services/runtime/household.py"
CHANGELOG: Final = "services/runtime/changelog.py"
WORKER: Final = "services/runtime/worker.py"
PROJECTION: Final = "services/runtime/projection.py"
DATABASE: Final = "services/runtime/database.py"
RELAY: Final = "services/gateway/relay.py"
LEDGER: Final = "services/ledger/app.py"
SETTLEMENT: Final = "services/settlement"
TREATMENT: Final = "services/treatment"
REHABILITATION: Final = "services/rehabilitation"


@dataclass(frozen=True)
class Mutant:
    """A planted bug.

    test: what must turn red where the simulation cannot see it.
    breaks: the invariant that must be the one to break, where it matters which.
    """

    name: str
    edits: tuple[tuple[str, str, str], ...]
    test: str | None = None
    breaks: str = ""


def _bug(
    name: str, path: str, old: str, new: str, test: str | None = None, *, breaks: str = ""
) -> Mutant:
    return Mutant(name, ((path, old, new),), test, breaks)


RUNTIME: Final = (
    _bug("a repeated event is applied again", FOLD,
         "if sequence <= last:", "if sequence <= 0:"),
    _bug("an event that came too early is applied at once", FOLD,
         "elif sequence == last + 1:", "elif sequence > last:"),
    _bug("an event that came too early is forgotten", FOLD,
         "household.parked.append(Parked(producer, sequence, row.offset, row.record))", "pass"),
    _bug("what waits is not looked at again", FOLD, "                self._unpark(household)\n",
         "                pass\n"),
    _bug("a redelivered record is folded again", FOLD,
         "            if row.offset < expected:", "            if row.offset < -expected:"),
    _bug("skipped records are not noticed", FOLD,
         "            if row.offset > expected:", "            if row.offset < -expected:"),
    _bug("a tick may run backwards", FOLD,
         "if self._clock is not None and tick.time <= self._clock:",
         "if self._clock == tick.time:"),
    _bug("a type of several producers is always the first one's", "services/contract/catalog.py",
         "return named if named in entry.producers else None", "return entry.producers[0]",
         "tests/unit/contract/test_producers.py"),
    _bug("a restart forgets the clock", FOLD,
         "return Position(version_of(stored), clock)", "return Position(version_of(stored), None)"),
    _bug("a wake-up set in the same batch is missed", FOLD,
         "if NEVER < household.wake_us() <= until_us:", "if until_us < household.wake_us() < NEVER:"),
    _bug("what is refused vanishes", FOLD,
         "self._folded.outputs.append((DEAD_LETTERS, letter))", "del letter"),
    _bug("ids of outputs are drawn at random", FOLD,
         "id=derived_id(self._stage.name, cause.id, subject, entry.type, ordinal)",
         "id=str(__import__('uuid').uuid4())"),
    _bug("ids of outputs leave out their place in the step", FOLD,
         "subject, entry.type, ordinal)", "subject, entry.type, 0)"),
    _bug("a stage leaves numbers out", FOLD,
         "sequence = household.sent.get(topic, 0) + 1",
         "sequence = household.sent.get(topic, 0) + 2", breaks="stages_count_in_order"),
    _bug("nobody in a household is woken when several are due", FOLD,
         "for subject in household.due(until_us):",
         "for subject in household.due(until_us) if not household.due(until_us)[1:] else ():",
         breaks="no_wake_up_lies_in_the_past"),
    _bug("a refusal gives another reason each time", FOLD,
         "letter = dead_letter(row.record, place, self._stage.name, reason)",
         "letter = dead_letter(row.record, place, self._stage.name, reason + str(__import__('uuid').uuid4()))",
         breaks="one_refusal_has_one_body"),
    _bug("outputs on one topic are never sent", WORKER,
         "            for topic, record in outcome.outputs\n",
         "            for topic, record in outcome.outputs\n"
         "            if topic != 'care-milestones'\n", breaks="outputs_equal_replay"),
    _bug("dead letters are never sent", WORKER,
         "            for topic, record in outcome.outputs\n",
         "            for topic, record in outcome.outputs\n"
         "            if topic != 'dead-letters'\n", breaks="every_refusal_is_a_dead_letter"),
    _bug("numbers of outputs begin again after a restart", HOUSEHOLD,
         'sent=body["out"]', "sent={}"),
    _bug("what was received is forgotten by a restart", HOUSEHOLD,
         'received=body["in"]', "received={}"),
    _bug("what waits is forgotten by a restart", HOUSEHOLD,
         'for parked in body.get("parked", ())]', "for parked in ()]"),
    _bug("the version of a state stays", FOLD, "household.version += 1", "pass"),
    _bug("a household remembers a wake-up that has changed", HOUSEHOLD,
         "        self._wake_us = None\n\n", "\n"),
    _bug("wake-ups are not stored", HOUSEHOLD,
         "HEADER.pack(self.version, self.wake_us())", "HEADER.pack(self.version, NEVER)"),
    _bug("the offset is committed before the states are stored", WORKER,
         "        current = self.app.consumer_generation_id\n",
         "        for event in events:\n            await unacked.ack(event)\n"
         "        current = self.app.consumer_generation_id\n"),
    _bug("states are stored before the outputs", WORKER,
         "        await self._sent()\n        self._sending",
         "        for number in outcomes:\n"
         "            self._changelogs[number].store.put(self._folds[number].take_changes())\n"
         "        await self._sent()\n        self._sending"),
    _bug("a household is forgotten before it is stored", FOLD,
         "            if key not in self._dirty:\n", "            if key:\n"),
    _bug("wake-ups are read from the store while they are being stored", FOLD,
         "changed = self._storing | self._dirty", "changed = self._dirty"),
    _bug("a checkpoint overtakes the one before", WORKER,
         "        if self._storing is not None:\n            await self._storing\n        changes",
         "        changes"),
    _bug("the position is not stored with the states", FOLD,
         "changes[POSITION_KEY] = self.position.encode()", "pass"),
    _bug("the changelog is not written", CHANGELOG,
         "        waiting = changes\n", "        waiting = {}\n"),
    _bug("offsets of the changelog need not be contiguous", CHANGELOG,
         "if begin == self.next_offset and end - begin == len(waiting):", "if begin >= 0:"),
    _bug("a zombie is not stopped by newer states", CHANGELOG,
         "version_of(value) > version_of(mine)", "version_of(value) < 0"),
    _bug("what a zombie wrote over is not written again", CHANGELOG,
         "waiting = self._overwritten(foreign, changes)",
         "waiting = self._overwritten(foreign, changes) and {}",
         "tests/faults/test_fence.py::test_nothing_that_a_zombie_wrote_survives"),
    _bug("restore keeps the last record, not the highest version", CHANGELOG,
         "if known is None or version_of(value) >= version_of(known):", "if value:"),
    _bug("restore skips what other machines wrote", CHANGELOG,
         "consumer.seek(at, max(store.changelog_next(), starts[at]))",
         "consumer.seek(at, ends[at])"),
    _bug("restore leaves a stale last record", CHANGELOG,
         "            stale.add(key)\n", "            pass\n"),
)  # fmt: skip

PROJECTIONS: Final = (
    _bug("the position moves whoever was here before", DATABASE,
         "positions.c.next_offset == bindparam(", "positions.c.next_offset != -1 - bindparam("),
    _bug("the position moves in a transaction of its own", LEDGER,
         "        with self._engine.begin() as connection:\n"
         "            advance(connection, POSITIONS, batches)\n",
         "        with self._engine.begin() as connection:\n"
         "            advance(connection, POSITIONS, batches)\n"
         "        with self._engine.begin() as connection:\n"),
    _bug("a projection does not see that records are missing", PROJECTION,
         "        if records[0].offset > expected:", "        if records[0].offset < 0:"),
    _bug("the ledger takes a repeat for a second booking", LEDGER,
         "    if is_repeat(books, entry):", "    if not books:"),
    _bug("the ledger books twice", "services/ledger/store.py",
         "for line, posting in enumerate(entry.postings, 1)",
         "for line, posting in enumerate((*entry.postings, *entry.postings), 1)"),
    _bug("the ledger loses one side of an entry", "services/ledger/store.py",
         "for line, posting in enumerate(entry.postings, 1)",
         "for line, posting in enumerate(entry.postings[:1], 1)"),
    _bug("only the first insurer of a milestone is told", "services/subscriptions/matching.py",
         "for insurer in milestone.insurers:", "for insurer in milestone.insurers[:1]:"),
    _bug("a token stands in the database as it is", "services/subscriptions/keyring.py",
         "    return sha256(token.encode()).hexdigest()\n", "    return token\n",
         "tests/unit/subscriptions/test_keyring.py"
         "::test_a_token_is_known_by_its_digest_and_nothing_else_is"),
    _bug("a signing secret stands in the database as it is", "services/subscriptions/keyring.py",
         "        return self._first.encrypt(secret.encode()).decode()\n", "        return secret\n",
         "tests/unit/subscriptions/test_keyring.py"
         "::test_what_was_sealed_is_opened_and_cannot_be_read_without_a_key"),
    _bug("what signs opens the door too", "services/subscriptions/routes.py",
         '        token=f"token_{secrets.token_urlsafe(32)}",\n'
         '        secret=wanted.url and f"whsec_{b64encode(secrets.token_bytes(32)).decode()}",\n',
         '        token=(one := f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"),\n'
         "        secret=wanted.url and one,\n",
         "tests/integration/test_subscriptions/test_door.py"
         "::test_what_signs_does_not_open_the_door"),
    _bug("the gateway leaves numbers out", "services/gateway/acceptance/decide.py",
         "known.sequences.get(household, 0) + 1", "known.sequences.get(household, 0) + 2"),
    _bug("the relay forgets before Kafka has stored", RELAY,
         "        partitions = self._settings.partitions\n",
         "        partitions = self._settings.partitions\n"
         "        await asyncio.to_thread(\n"
         "            self._outbox.forget_sent, [row.position for row in rows]\n"
         "        )\n", breaks="all_that_was_accepted_is_on_the_log"),
    _bug("what is accepted does not wait for the disk", DATABASE,
         'False) else "FULL"', 'False) else "NORMAL"',
         "tests/integration/test_gateway_store.py"
         "::test_what_is_accepted_waits_for_the_disk_also_after_what_need_not"),
    _bug("an id is everybody's", "services/gateway/acceptance/names.py",
         "    if MARK in sent or home not in {None, namespace}:\n", "    if MARK in sent:\n",
         "tests/properties/test_own_ids.py::test_nobodys_facts_land_on_anothers_member"),
    _bug("what a sender was told of may be anybody's", "services/gateway/acceptance/names.py",
         "    if MARK in sent or home", "    if home",
         "tests/properties/test_own_ids.py::test_nobodys_facts_land_on_anothers_member"),
    _bug("two households of one name share what is used up",
         "services/gateway/acceptance/households.py",
         "    return named(fact.member, namespace, known.households.get(fact.member))\n",
         "    return fact.member\n",
         "tests/properties/test_own_ids.py::test_nobodys_facts_land_on_anothers_member"),
    _bug("a household that a sender names is everybody's", "services/gateway/acceptance/scope.py",
         "        household = named(household, namespace, known.households.get(household))\n",
         "        household = named(household, namespace, None)\n",
         "tests/properties/test_own_ids.py::test_nobodys_facts_land_on_anothers_member"),
    _bug("the gateway takes the same fact twice", "services/gateway/acceptance/decide.py",
         "    if before == fingerprint:", "    if before == fingerprint and not before:"),
    _bug("an address that names nothing becomes an id", "services/gateway/doors/fhir/references.py",
         "            if kind in R4_TYPES and is_id(found):", "            if is_id(found):",
         "tests/unit/gateway/test_references.py"),
    _bug("a reference keeps its version", "services/gateway/doors/fhir/references.py",
         "(?:/_history/[^\\s/?#]+)?", "",
         "tests/unit/gateway/test_references.py"),
    _bug("a reference may name another type", "services/gateway/doors/fhir/reader.py",
         "        if target.type in wanted:", "        if target.type:",
         "tests/unit/gateway/test_references.py"),
    _bug("an identifier is found for every sender", "services/gateway/acceptance/identities.py",
         '"\\0".join((namespace, *self))', '"\\0".join(self)',
         "tests/unit/gateway/test_references.py"),
    _bug("a conditional create makes a second one", "services/gateway/doors/fhir/requests.py",
         "_found(bare, entry, condition, known.get(condition, ()), source)",
         "_found(bare, entry, condition, (), source)",
         "tests/unit/gateway/test_entry_requests.py"),
    _bug("two creates at one moment both find nobody", "services/gateway/acceptance/identities.py",
         "        if each.only_one\n", "        if False\n",
         "tests/unit/gateway/test_entry_requests.py"),
    _bug("a request may be about another resource", "services/gateway/doors/fhir/requests.py",
         "    if match is None or match[1] != kind or not fits", "    if match is None or not fits",
         "tests/unit/gateway/test_entry_requests.py"),
    _bug("a request without entries is all well", "services/gateway/doors/fhir/bundle.py",
         "    if not bundle.entry:", "    if bundle.entry is None:",
         "tests/unit/gateway/test_entry_requests.py"),
)  # fmt: skip

ANSWERS: Final = (
    _bug("the gateway asks no policy", "services/gateway/routes.py",
         "    app.add_middleware(AccessMiddleware, policy=policy)\n", "",
         "tests/unit/access/test_no_route_passes.py"),
    _bug("the insurers' door asks no policy", "services/subscriptions/routes.py",
         "    app.add_middleware(AccessMiddleware, policy=policy)\n", "",
         "tests/unit/access/test_no_route_passes.py"),
    _bug("a route stands before the policy", "services/gateway/routes.py",
         "    return app\n",
         "    app.add_middleware(\n"
         "        lambda inside: lambda scope, receive, send: (\n"
         "            Response('in') if scope['path'] == '/progress' else inside\n"
         "        )(scope, receive, send)\n"
         "    )\n"
         "    return app\n",
         "tests/unit/access/test_no_route_passes.py"),
    _bug("the policy's word is not heard", "services/access/middleware.py",
         "self._app if refusal is None else _problem(refusal)", "self._app",
         "tests/unit/access/test_no_route_passes.py"),
    _bug("what was said is another stage's than the source names", "services/timeline/item.py",
         "stage=producer_of(data.TYPE, event.source) or UNKNOWN",
         'stage=producer_of(data.TYPE, "/careloop/treatment")',
         "tests/unit/timeline/test_item.py"),
)  # fmt: skip

RULES: Final = (
    _bug("the deductible is not counted", f"{SETTLEMENT}/steps/annual_deductible.py",
         "deductible=work.deductible + borne), note", "deductible=work.deductible), note"),
    _bug("a reversal gives nothing back to the accumulators", f"{SETTLEMENT}/decide.py",
         "used=counted(used, known.consumed, known.currency, -1)", "used=state.used"),
    _bug("a reversal gives back too little", f"{SETTLEMENT}/accumulators.py",
         "before.paid + sign * part.paid", "before.paid + sign * part.paid + (sign < 0)"),
    _bug("a reversal gives back too much", f"{SETTLEMENT}/accumulators.py",
         "before.deductible + sign * part.deductible",
         "before.deductible + sign * part.deductible - (sign < 0)"),
    _bug("the annual limit is not looked at", f"{SETTLEMENT}/steps/annual_limit.py",
         "left = max(0, most - case.used.paid)", "left = most"),
    Mutant("a decision shares out more than was billed", (
        (f"{SETTLEMENT}/said.py", '"member": billed - sum(by_payer.values())',
         '"member": billed + 1 - sum(by_payer.values())'),
        ("services/contract/payment.py",
         "if self.parts.total != self.billed or taken != parts or not shares.items() <= parts.items():",
         "if self.billed < 0:"),
    )),
    _bug("a decision is told of another payer than the one who pays", "services/contract/payment.py",
         "taken != parts or not shares.items() <= parts.items():",
         "sum(taken.values()) != self.billed:",
         "tests/contracts/test_schemas.py"),
    _bug("the ledger books a decision that does not add up", "services/ledger/bills.py",
         "if self.parts.total != self.billed or not shares.items() <= parts.items():",
         "if self.billed < 0:", "tests/unit/ledger/test_bills.py"),
    _bug("the same request is decided twice", f"{SETTLEMENT}/decide.py",
         "if known is not None and known.fingerprint == mark:", "if known is known and not mark:",
         "tests/unit/settlement/test_refusals.py"),
    _bug("a decided request is decided again by its reversal", f"{SETTLEMENT}/decide.py",
         "    return Step(after, (Draft(data=undone, time=event.time),))",
         "    return Step(after, (Draft(data=undone, time=event.time),) * 2)"),
    _bug("each decision is said twice", f"{SETTLEMENT}/decide.py",
         "    return Step(after, (Draft(data=decision(request, result), time=event.time),))",
         "    return Step(after, (Draft(data=decision(request, result), time=event.time),) * 2)"),
    _bug("a step for some lines takes from others", f"{SETTLEMENT}/on_lines.py",
         "enumerate(lines) if scope(line)]", "enumerate(lines) if line]",
         "tests/properties/test_settlement_lines.py"),
    _bug("the units left are lost when a total is apportioned", f"{SETTLEMENT}/lines.py",
         "        parts[place] += 1\n", "        parts[place] += 0\n",
         "tests/properties/test_settlement_lines.py"),
    _bug("a later cover does not see what the earlier ones took of a line", f"{SETTLEMENT}/on_lines.py",
         "    for parts in taken_of_lines(request, takings):\n",
         "    for parts in taken_of_lines(request, ()):\n",
         "tests/unit/settlement/test_lines.py"),
    _bug("a deductible that stands twice is borne twice",
         f"{SETTLEMENT}/steps/annual_deductible.py",
         "max(0, deductible - used - work.deductible)", "max(0, deductible - used)",
         "tests/unit/settlement/test_lines.py"),
    _bug("a drug that is not on the list is paid", f"{SETTLEMENT}/steps/drug_list.py",
         "return not self.drugs.holds(line)", "return not self.drugs",
         "tests/unit/settlement/test_lines.py"),
    _bug("a drug that nobody approved is paid", f"{SETTLEMENT}/steps/approval.py",
         "line.approval is None and", "not line.text and",
         "tests/unit/settlement/test_lines.py"),
    _bug("the day of a service is that of UTC", f"{SETTLEMENT}/product.py",
         "return day_in(moment, zone(self.time_zone))", 'return day_in(moment, zone("UTC"))',
         "tests/unit/settlement/test_days.py"),
    _bug("a life can be reversed before it is decided", "services/lives/claim.py",
         '("decided", "reverse"): "reversed"', '("billed", "reverse"): "reversed"',
         "tests/unit/lives/test_lives.py"),
    _bug("the ledger's database takes an entry that no life has",
         "services/ledger/migrations/versions/0001_tables.py",
         "kind IN ('billed', 'decided', 'reversed')",
         "kind IN ('billed', 'decided', 'reversed', 'replaced')",
         "tests/integration/test_ledger.py"),
    _bug("a voided charge is still billed", f"{TREATMENT}/visit.py",
         "    return rest\n", "    return visit.charges\n"),
    _bug("a corrected bill is not reversed", f"{TREATMENT}/billing.py",
         "    if was is not None:\n", "    if was is due:\n"),
    _bug("a late charge changes no bill", f"{TREATMENT}/billing.py",
         "    if was == due:\n", "    if was == due or (was and due):\n"),
    _bug("a bill counts the day of one place alone", f"{TREATMENT}/billing.py",
         "visit.provider, (there, here),", "visit.provider, (there, there),",
         "tests/unit/treatment/test_days.py"),
    _bug("a line is billed without its kind", f"{TREATMENT}/billing.py",
         "        category=charge.category,\n", "", "tests/unit/treatment/test_bills.py"),
    _bug("a line is billed without its approval", f"{TREATMENT}/billing.py",
         "        approval=line.approval,\n", "", "tests/unit/treatment/test_bills.py"),
    _bug("the need of one pathway is that of all", f"{TREATMENT}/needs.py",
         "if not wanted.isdisjoint(names)])", "if names])",
         "tests/unit/treatment/test_needs.py"),
    _bug("a cancelled visit leaves its referral standing", f"{TREATMENT}/visit.py",
         "for need in visit.needs if need.referred])", "for need in visit.needs if not need])",
         "tests/unit/treatment/test_needs.py"),
    _bug("a session is of the day in Greenwich", f"{REHABILITATION}/sessions.py",
         "service_date=local_day(when)",
         "service_date=when.astimezone(__import__('datetime').UTC).date()",
         "tests/unit/treatment/test_days.py"),
    _bug("more is better on every instrument", "services/pathways/rehabilitation.py",
         'after - before if self.better == "higher" else before - after', "after - before",
         "tests/unit/rehabilitation/test_any_instrument.py"),
    _bug("scores are compared as floats add up", "services/pathways/rehabilitation.py",
         "return round(change, SCORE_DIGITS)", "return change",
         "tests/unit/rehabilitation/test_any_instrument.py"),
    _bug("a course is judged by the first edition of its guideline",
         f"{REHABILITATION}/programme.py",
         "    edition = pathway.on(day)\n", "    edition = pathway.guideline.editions[0]\n",
         "tests/unit/rehabilitation/test_any_instrument.py"),
    _bug("an insurer is told after its cover ended", "services/member/covers.py",
         "cover.valid_to is None or day <= cover.valid_to)", "cover.valid_to is None or day)"),
    _bug("screening reminds of what is long past", "services/screening/due.py",
         "    if case.at >= start_of(days_after(due, case.screening.reminder_days_max)):\n",
         "    if case.at < start_of(due):\n"),
    _bug("management reminds of what is long past", "services/management/follow_up.py",
         "at < start_of(days_after(enrolment.due, days))", "at > start_of(enrolment.due)"),
    _bug("a follow-up is set on a day that is over", "services/management/follow_up.py",
         "    if due <= programme.today:\n", "    if not due:\n"),
    _bug("an insurer is told of an invitation with every cover", "services/screening/due.py",
         "for name in case.insurers(now) if name not in case.row.told]",
         "for name in case.insurers(now)]", "tests/properties/test_screening_management.py"),
    _bug("a birthday that passes unheard invites nobody", "services/screening/due.py",
         "    if row.invited or record.birth_date is None:\n",
         "    if row.due is None or record.birth_date is None:\n",
         "tests/unit/screening/test_screening.py"),
    _bug("what is weighed does not count before the age of readings", "services/pathways/criteria.py",
         "(panel in self.watches and not self.counts(local_day(found.time)))",
         "not self.counts(local_day(found.time))", "tests/unit/screening/test_screening.py"),
    _bug("a day is that of Greenwich", "services/member/calendar.py",
         "    if moment.tzinfo is not UTC and moment.utcoffset():\n", "    if not moment:\n",
         "tests/unit/screening/test_days.py"),
    _bug("a due day is over at midnight in Greenwich", "services/member/calendar.py",
         "time.min, tzinfo=SCHEME_ZONE)", "time.min, tzinfo=UTC)",
         "tests/unit/management/test_days.py"),
    _bug("an answer is heard in a part of its words", "services/terminology/lookup.py",
         'return table.get((None, (text or "").strip().lower()))',
         'return next((table[k] for k in table if not k[0] and k[1] in (text or "").lower()), None)',
         "tests/unit/terminology/test_answers.py"),
    _bug("a stratum that no programme knows stops the stage", "services/management/decide.py",
         "if data.stratum not in now.guideline.strata:", "if not data.stratum:",
         "tests/unit/management/test_management.py"),
    _bug("rehabilitation counts deadlines from old history", f"{REHABILITATION}/course.py",
         "elapsed = max((at - start) // span, 0)", "elapsed = 0 * max((at - start) // span, 0)"),
)  # fmt: skip

DOORS: Final = (
    _bug("an event may be priced in a currency that does not exist",
         "services/gateway/doors/cloudevents/translation.py",
         "    return read if _is_payable(read, reading) else None\n", "    return read\n",
         "tests/unit/gateway/test_currencies.py"),
    _bug("every currency has cents", "services/contract/money.py",
         "    currency.code: currency.exponent\n", "    currency.code: 2\n",
         "tests/unit/gateway/test_currencies.py"),
    _bug("a product may be offered in a currency that does not exist",
         f"{SETTLEMENT}/steps/currency.py", "            minor_digits(currency)\n", "            pass\n",
         "tests/unit/gateway/test_currencies.py"),
)  # fmt: skip

MUTANTS: Final = (*RUNTIME, *PROJECTIONS, *ANSWERS, *RULES, *DOORS)
