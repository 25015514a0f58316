"""A synthetic city that uses Careloop as hospitals, devices and therapists do: through its doors.

Consumes: nothing; it knows no topic and no decision.
Publishes: FHIR Bundles (hospitals) and CloudEvents (home devices, therapists) over HTTP, with
corrections, duplicates and bad messages among them.
Decides: what happens to whom and when, from a seed alone; see `plan`.
Remembers: how far each household's life has been published, if told where.
"""
