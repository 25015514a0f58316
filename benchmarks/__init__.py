"""Benchmarks: `make bench`, or `python -m benchmarks [name …] [--quick]`; see README.md."""
