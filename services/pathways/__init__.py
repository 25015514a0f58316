"""Conditions, one folder each: a guideline as data, and what no table can say as a pure function.

`guideline.py` is the shape of a `guideline.toml`; `criteria.py` says whether one of its lines holds,
and why; `index.py` finds the folders. The stages know none of these conditions by name.
"""
