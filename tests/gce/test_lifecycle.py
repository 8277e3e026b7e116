"""What gce makes of a record, and of the clock."""

from __future__ import annotations

import itertools

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.lifecycle import (
    OVER,
    REMEMBERED,
    Life,
    Step,
    Stopping,
    Verdict,
    begin_stop,
    look_again_in,
    status,
    stop_step,
    superfluous,
    verdict,
)
from galaxy.gce.record import Claim, Ended, ProcessId, Record, Spec, Started
from galaxy.protocol.gce_pb2 import kProcessEnded, kProcessFailed

BOOT = "this boot"
SPEC = Spec(BOOT, "true", (), "/", "/out", "/err")
CLAIM, STARTED, ENDED = Claim(7, 70), Started(8, 80, 1.0), Ended(2.0, code=3)
FAILED = Ended(2.0, failed="no such directory")
PROCESS = ProcessId("c", "main.0")

WRITTEN = Record(SPEC)
CLAIMED = Record(SPEC, CLAIM)
RUNNING = Record(SPEC, CLAIM, STARTED)
OVER_RECORD = Record(SPEC, CLAIM, STARTED, ENDED)
ALL_RECORDS = [
    Record(*parts)
    for parts in itertools.product(
        (None, SPEC, evolve(SPEC, boot="another")),
        (None, CLAIM),
        (None, STARTED),
        (None, ENDED, FAILED),
    )
]
records = st.sampled_from(ALL_RECORDS)


class VerdictTests(SynchronousTestCase):
    """Each state that a kill can leave on disk."""

    def test_table(self) -> None:
        """(record, keeper lives, settled) and the verdict."""
        cases = [
            (Record(), False, True, Verdict.VOID),
            (WRITTEN, False, False, Verdict.STARTING),
            (WRITTEN, False, True, Verdict.WANTED),
            (CLAIMED, True, True, Verdict.STARTING),
            (CLAIMED, False, True, Verdict.FAILED),
            (RUNNING, True, False, Verdict.RUNNING),
            (RUNNING, False, True, Verdict.LOST),
            (OVER_RECORD, True, True, Verdict.RUNNING),
            (OVER_RECORD, False, True, Verdict.ENDED),
            (evolve(RUNNING, ended=FAILED), True, True, Verdict.FAILED),
            (Record(SPEC, None, None, FAILED), False, True, Verdict.FAILED),
        ]
        for record, keeper_lives, settled, expected in cases:
            found = verdict(record, boot=BOOT, keeper_lives=keeper_lives, settled=settled)
            self.assertIs(expected, found, record)

    def test_after_a_restart_of_the_machine(self) -> None:
        """Nothing is started again; what had begun is lost, what had not never ran."""
        cases = [
            (WRITTEN, Verdict.FAILED),
            (CLAIMED, Verdict.FAILED),
            (RUNNING, Verdict.LOST),
            (OVER_RECORD, Verdict.ENDED),
        ]
        for record, expected in cases:
            found = verdict(record, boot="the next boot", keeper_lives=False, settled=True)
            self.assertIs(expected, found, record)

    @given(records, st.booleans(), st.booleans())
    @settings(deadline=None)
    def test_claimed_is_never_launched(self, record: Record, lives: bool, settled: bool) -> None:
        """Safety: only what nobody has claimed, in this boot, is launched."""
        if verdict(record, boot=BOOT, keeper_lives=lives, settled=settled) is Verdict.WANTED:
            self.assertIsNone(record.claim)
            self.assertIsNone(record.started)
            self.assertEqual(BOOT, record.spec and record.spec.boot)

    @given(records)
    @settings(deadline=None)
    def test_settled_without_a_keeper_is_decided(self, record: Record) -> None:
        """Liveness: once the past is settled, a process without a keeper is not waited for."""
        found = verdict(record, boot=BOOT, keeper_lives=False, settled=True)
        self.assertNotIn(found, (Verdict.STARTING, Verdict.RUNNING))


class StatusTests(SynchronousTestCase):
    """What is told of a process."""

    def test_end(self) -> None:
        """Everything the keeper wrote."""
        told = status(PROCESS, Verdict.ENDED, OVER_RECORD, "/galaxy/c")
        self.assertEqual(
            (kProcessEnded, 8, 3, 1.0, 2.0, "/galaxy/c"),
            (told.state, told.pid, told.exit_code, told.start_time, told.end_time, told.cgroup),
        )

    def test_nothing_unknown_looks_like_success(self) -> None:
        """Safety: an over process with neither code, signal nor reason ended well, for certain."""
        for record in ALL_RECORDS:
            found = verdict(record, boot=BOOT, keeper_lives=False, settled=True)
            if found in OVER:
                told = status(PROCESS, found, record, "")
                if not (told.exit_code or told.signal or told.reason):
                    self.assertIsNotNone(record.ended)

    def test_never_ran(self) -> None:
        """The reason is the keeper's, or that the keeper was killed."""
        told = status(PROCESS, Verdict.FAILED, Record(SPEC, CLAIM, None, FAILED), "")
        self.assertEqual((kProcessFailed, "no such directory"), (told.state, told.reason))
        self.assertIn("killed", status(PROCESS, Verdict.FAILED, CLAIMED, "").reason)


class SuperfluousTests(SynchronousTestCase):
    """How long ended processes are remembered."""

    def test_the_latest_of_a_family(self) -> None:
        """Of many restarts the oldest are forgotten; what has another name is not touched."""
        ended = {f"main.{number}": float(number) for number in range(REMEMBERED + 2)}
        self.assertEqual(["main.0", "main.1"], superfluous({"deploy.0": -1.0, **ended}))

    def test_few(self) -> None:
        """A few are all remembered."""
        self.assertEqual([], superfluous({"main.0": 1.0, "stop": 2.0}))


class StopTests(SynchronousTestCase):
    """The steps of a stop."""

    def test_table(self) -> None:
        """(SIGTERM sent, what lives, time) and the step; SIGKILL is due at 10."""
        none, starting, alive = Life(False, False), Life(True, False), Life(False, True)
        cases = [
            (False, none, 0, Step.DONE),
            (True, none, 99, Step.DONE),
            (False, starting, 0, Step.WAIT),
            (False, starting, 19, Step.WAIT),
            (False, starting, 20, Step.KILL),
            (False, Life(True, True), 19, Step.WAIT),
            (False, alive, 0, Step.TERM),
            (True, alive, 0, Step.WAIT),
            (True, alive, 10, Step.KILL),
            (False, alive, 10, Step.KILL),
        ]
        for termed, life, now, expected in cases:
            self.assertIs(expected, stop_step(Stopping(10, termed), life, now), (termed, life, now))

    def test_shorter_grace_counts(self) -> None:
        """Of two requests, in either order."""
        patient = begin_stop(None, 100, 0)
        self.assertEqual(5, begin_stop(patient, 5, 0).kill_at)
        self.assertEqual(100, begin_stop(patient, 500, 0).kill_at)

    def test_sigterm_is_not_repeated(self) -> None:
        """A second request does not make it be sent again."""
        self.assertTrue(begin_stop(Stopping(10, termed=True), 5, 0).termed)

    @given(st.floats(0, 1e6), st.floats(0, 1e6))
    @settings(deadline=None)
    def test_looks_again(self, kill_at: float, now: float) -> None:
        """Liveness: the next look is soon, never at once, and not after SIGKILL is due."""
        seconds = look_again_in(Stopping(kill_at), now)
        self.assertTrue(0 < seconds <= 0.05)
        self.assertTrue(now >= kill_at or now + seconds <= kill_at + 1e-6)
