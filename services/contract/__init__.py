"""The contract: the only meaning that the services share.

Envelope, event types, money, ids, topics and the shape of a processor's step. Nothing here does
I/O beyond reading the catalog that ships with the package.
"""
