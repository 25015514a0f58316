"""A reference names a resource whatever its form (hapi-fhir 1224, iheos-toolkit2 478)."""

from tests.trials.playing import play


def test_a_versioned_reference_names_the_resource_and_another_type_is_refused(
    gateway: str,
) -> None:
    control, providers, people, practitioner, timeline = play(gateway, "05")

    parts = control.decisions["t05-a-v"]
    assert parts["insurer"] > 0
    assert providers.decisions["t05-b-v"] == people.decisions["t05-c-v"] == parts
    assert practitioner.status == 422
    assert "Bundle.entry[1].resource.serviceProvider.reference" in practitioner.problems[0]
    [visit] = timeline.events("visit.registered")
    assert "_history" not in timeline.said
    assert visit["episode"] == "t05-b-v"
