"""A whole cluster on one clock, with faults drawn from a seed: `python -m tests.simulation`."""
