"""Daemons that die at a chosen step of their work, or at any (see `tests.survival.steps`)."""
