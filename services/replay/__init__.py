"""Replay for developers: a log as a file, and the proof that it can be regenerated."""
