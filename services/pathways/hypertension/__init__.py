"""Hypertension: found by blood pressure, stratified by the risk that comes with it, managed.

`guideline.toml` holds the tables, `rules.py` the risk matrix of the 2018 Chinese guideline.
"""
