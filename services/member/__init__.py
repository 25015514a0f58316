"""A member as every stage knows them: days, covers, and one record of what is known."""
