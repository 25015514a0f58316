"""Planted bugs in what is counted and shown, and in what readers of milestones meet."""

from typing import Final

from tests.mutants.bug import bug as _bug

FIGURES: Final = (
    _bug("who was lost to follow-up closes the loop", "services/screening/loop.py",
         'if outcome == "lost_to_follow_up":', "if False:",
         "tests/unit/screening/test_screening.py"),
    _bug("who was seen again stays overdue", "services/management/decide.py",
         'outputs.append(now.milestone("resumed"))', "pass",
         "tests/unit/management/test_management.py"),
    _bug("overdue counts reminders", "services/timeline/tally.py",
         "return len({member for member, _ in self._overdue})",
         'return self.members_at("management.overdue")',
         "tests/unit/simulator/test_figures.py"),
    _bug("a loop closes once for each pathway", "services/timeline/tally.py",
         "self._closing.add(event.causation_id or event.id)", "self._closing.add(event.id)",
         "tests/unit/cli/test_live_view.py"),
    _bug("the table has an event as often as it was said", "services/replay/tables.py",
         "(not event.sequence or distinct.is_new(event))", "True",
         "tests/unit/replay/test_tables.py"),
    _bug("an address is cut", "services/cli/live_view.py",
         'overflow="fold")', 'no_wrap=True, overflow="ellipsis")',
         "tests/unit/cli/test_live_view.py"),
    _bug("the environment's port is passed over", "services/cli/system.py",
         "named = getattr(asked, setting) if setting in asked.model_fields_set else None",
         "named = None", "tests/unit/cli/test_run_options.py"),
    _bug("a ticket opens for ever", "services/subscriptions/keyring.py",
         "decrypt_at_time(ticket, TICKET_S, at_s)", "decrypt(ticket)",
         "tests/integration/test_subscriptions/test_door_for_readers.py"),
    _bug("a ticket opens any subscription", "services/subscriptions/routes.py",
         "door.keyring.is_ticket(ticket, subscription_id, door.now_ms() // 1000)",
         "len(ticket) > 100",
         "tests/integration/test_subscriptions/test_door_for_readers.py"),
    _bug("the keep-alive ends with an empty line", "services/subscriptions/stream.py",
         'b": keep-alive\\r\\n"', 'b": keep-alive\\r\\n\\r\\n"',
         "tests/integration/test_subscriptions/test_door_for_readers.py"),
    _bug("resume leaves a waiting webhook alone", "services/subscriptions/store/subscribing.py",
         "attempts=0, next_attempt_at_ms=at_ms)", "attempts=0)",
         "tests/integration/test_subscriptions/test_webhooks.py"),
)  # fmt: skip
