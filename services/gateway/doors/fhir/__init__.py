"""FHIR R4: the parts of the resources that the gateway reads, and what they say as facts."""
