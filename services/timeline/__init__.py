"""What happened, for people: one projection of the log, its words and its sums.

Who answers people reads it: the gateway keeps the table and shows a member's page, the command line
shows the lines and the sums of a run. Which stage an event belongs to is its producer's.
"""
