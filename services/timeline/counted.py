"""Numbers of things, as people write them."""


def counted(number: int, noun: str) -> str:
    """Return such as `1 record` or `1,234 records`; `noun` is the singular, of a plural in -s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
