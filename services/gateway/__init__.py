"""The door of the senders: FHIR R4 and CloudEvents over HTTP in, facts on `health-events` out.

consumes: every topic, for the members' timelines, and decisions, for senders that wait for them.
decides: whether a request says facts of the contract about known members, each exactly once.
emits: facts, in order per household, whether or not Kafka can be reached at the moment.
remembers: members and their households, ids with fingerprints, what is not yet sent.
"""
