"""What can go wrong with the embedded broker."""


class BrokerError(RuntimeError):
    """The embedded broker cannot be fetched or run; the message says what to do about it."""
