"""The simulation sees: agents with a fault built in are found out within 200 seeds."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.mutations import ANSWERS_FIRST, NO_EPOCHS, NOT_IDEMPOTENT
from tests.simulation.run import simulate
from tests.simulation.world import Build

SEEDS = 200


class MutationTests(SynchronousTestCase):
    """One rule is taken away from all agents; what it protects from happens, and is seen."""

    def tearDown(self) -> None:
        """Broken agents fail in many ways."""
        gc.collect()
        self.flushLoggedErrors()

    def found(self, build: Build, law: str) -> None:
        """A seed breaks the law that the mutation is about."""
        for seed in range(1, SEEDS + 1):
            if any(law in breach for breach in simulate(seed, build).broken):
                return
        self.fail(f"{SEEDS} seeds did not find it")

    def test_no_epochs(self) -> None:
        """Commands of a reign that is over are obeyed."""
        self.found(NO_EPOCHS, "after epoch")

    def test_answers_before_it_saves(self) -> None:
        """What was acknowledged is not on the disk."""
        self.found(ANSWERS_FIRST, "does not know it any more")

    def test_not_idempotent(self) -> None:
        """A command that comes twice ends what runs."""
        self.found(NOT_IDEMPOTENT, "nobody ordered it")
