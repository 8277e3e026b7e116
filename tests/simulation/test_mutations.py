"""The simulation sees: daemons with a fault built in are found out within 200 seeds."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.mutations import (
    ANSWERS_FIRST,
    HOARDING,
    NO_EPOCHS,
    NOT_FENCED,
    NOT_HELD,
    NOT_IDEMPOTENT,
    NOT_NOTED,
    NOT_WRITTEN,
    OVERZEALOUS,
)
from tests.simulation.run import simulate
from tests.simulation.world import Build

SEEDS = 200


class MutationTests(SynchronousTestCase):
    """One rule is taken away from all of a kind; what it protects from happens, and is seen."""

    def tearDown(self) -> None:
        """Broken agents fail in many ways."""
        gc.collect()
        self.flushLoggedErrors()

    def found(self, build: Build, law: str, first: int = 1) -> None:
        """A seed breaks the law that the mutation is about."""
        for seed in range(first, first + SEEDS):
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

    def test_an_old_kill_hits_a_newer_attempt(self) -> None:
        """A command to end an attempt, that comes again, ends the one that followed it."""
        self.found(OVERZEALOUS, "nobody ordered it")

    def test_what_has_ended_is_not_written(self) -> None:
        """The next reign does not know what people were told of."""
        self.found(NOT_WRITTEN, "had ended, now it is")

    def test_not_fenced(self) -> None:
        """Who leads no more writes on."""
        self.found(NOT_FENCED, "wrote in epoch", first=150)

    def test_hoarding(self) -> None:
        """What pods had that are gone is nobody's."""
        self.found(HOARDING, "and grants to")

    def test_safe_mode_is_forgotten(self) -> None:
        """The next reign does not know that somebody holds everything."""
        self.found(NOT_HELD, "in safe mode")

    def test_requests_are_forgotten(self) -> None:
        """The next reign does not know what it is asked for once more."""
        self.found(NOT_NOTED, "was to restart")
