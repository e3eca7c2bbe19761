"""Benchmarks of the client against its peers, on this machine: `python -m benchmarks`."""
