"""The shape of the rehabilitation part of a guideline."""

from services.terminology.lookup import Table


class Rehabilitation(Table):
    """Who needs rehabilitation after a discharge, what it is measured with, and what it aims at."""
