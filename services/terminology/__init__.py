"""What codes mean, said once for everybody: tables in TOML, and one lookup.

A code belongs to a system, and systems have several names. What is in no table means nothing here:
it is kept in the log and asked of nobody.
"""
