"""Stroke: rehabilitation after the acute stay, measured with the Barthel index.

`guideline.toml` holds the tables. There is nothing here that no table says.
"""
