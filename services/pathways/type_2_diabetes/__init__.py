"""Type 2 diabetes: found by fasting glucose and HbA1c, foreseen by FINDRISC, managed.

`guideline.toml` holds the tables, `rules.py` the score.
"""
