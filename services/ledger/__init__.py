"""The ledger: what is owed to whom, in double entry, for ever.

Consumes: payment requests, decisions and reversals, from `payment-events`.
Decides: which entry each of them makes, and which events it refuses to book, by name.
Emits: nothing; the summary of a run reads its totals here.
Remembers: every entry and posting, unchanged; corrections are new entries.
"""
