"""Accepting facts: whose they are, whether they are new, their order and number, and storing them."""
