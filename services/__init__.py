"""The services of Careloop, one import package each."""
