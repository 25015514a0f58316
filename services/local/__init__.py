"""A developer's machine: what `careloop run` and the tests need, and no service in production.

The embedded broker, the processes that are looked after and end with whoever started them, and
ports that nobody else takes. Production images leave this folder out (`deploy/Containerfile`).
"""
