"""The lives of payments: one table each, which settlement moves by and the ledger books by.

A life is data about a way to pay. Settlement refuses the moves that its table does not have; the
ledger's kinds of entry, what each of them needs before it, and the check in its database are made
from the same tables (`entries`).
"""
