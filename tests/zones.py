"""Offsets that tests tell instants with."""

from datetime import timedelta, timezone

CHINA = timezone(timedelta(hours=8))
