"""Whose process is it? Real processes, and the pid files that claim them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.local.processes import (
    last_lines,
    last_words,
    living,
    log_since,
    log_sizes,
    running,
    start,
    stop,
)

SLEEP = "import signal, sys, time; {prelude}; print('up', flush=True); time.sleep(600)"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


class ProcessesTests(SynchronousTestCase):
    """Daemons by their pid files."""

    def setUp(self) -> None:
        self.run_directory = Path(self.mktemp()).absolute()
        self.run_directory.mkdir()
        self.pidfile = self.run_directory / "d.pid"

    def spawn(self, *arguments: str, prelude: str = "0") -> subprocess.Popen[bytes]:
        """A process that is ready, and what its command line says."""
        process = subprocess.Popen(
            [sys.executable, "-c", SLEEP.format(prelude=prelude), *arguments],
            stdout=subprocess.PIPE,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    def daemon(self, prelude: str = "0") -> subprocess.Popen[bytes]:
        """A process that the pid file tells of, and that says so itself."""
        process = self.spawn("--pidfile", str(self.pidfile), "--socket", "s", prelude=prelude)
        self.pidfile.write_text(str(process.pid))
        return process

    def test_a_daemon_that_lives(self) -> None:
        process = self.daemon()
        found = living(self.pidfile)
        assert found is not None
        self.assertEqual((found.name, found.pid), ("d", process.pid))
        self.assertEqual(found.option("--socket"), "s")
        self.assertIsNone(found.option("--none"))
        self.assertEqual(list(running(self.run_directory)), ["d"])

    def test_a_pid_that_belongs_to_somebody_else_is_no_daemon(self) -> None:
        """Safety: a recycled pid is neither taken for a daemon nor killed."""
        stranger = self.spawn("--pidfile", str(self.pidfile) + "x")
        self.pidfile.write_text(str(stranger.pid))
        self.assertIsNone(living(self.pidfile))

    def test_no_file_nonsense_or_a_dead_process_is_no_daemon(self) -> None:
        self.assertIsNone(living(self.pidfile))
        self.pidfile.write_text("nonsense")
        self.assertIsNone(living(self.pidfile))
        process = self.daemon()
        process.kill()
        process.wait()
        self.assertIsNone(living(self.pidfile))

    def test_stop_waits_until_they_are_gone(self) -> None:
        process = self.daemon()
        stop(running(self.run_directory).values(), grace_s=30)
        self.assertEqual(process.wait(), -15)

    def test_stop_kills_those_that_do_not_listen(self) -> None:
        process = self.daemon(prelude=DEAF)
        stop(running(self.run_directory).values(), grace_s=0.1)
        self.assertEqual(process.wait(), -9)

    def test_what_a_daemon_says_at_start_is_handed_on(self) -> None:
        self.pidfile.write_text(str(os.getpid()))
        command = [sys.executable, "-c", "import sys; print('no disk'); sys.exit(78)"]
        started = start("d", command, self.pidfile)
        self.assertEqual(started.outcome(), (78, "no disk"))
        self.assertFalse(self.pidfile.exists(), "a stale pid file makes twistd refuse")

    def test_the_end_of_a_log(self) -> None:
        log = self.run_directory / "x.log"
        log.write_text("\n".join(map(str, range(100))))
        self.assertEqual(last_lines(log, 2), "98\n99")
        self.assertIn("No such file", last_lines(self.run_directory / "none"))

    def test_the_words_with_which_a_daemon_gave_up(self) -> None:
        stamp = "2026-01-01T00:00:00+0000"
        cases = [
            ("Traceback\n  File\ngalaxy: the disk is full\nmore", "the disk is full"),
            (f"{stamp} [galaxy.daemon#critical] the port is taken\nend", "the port is taken"),
            (f"{stamp} [stderr#error] galaxy: no nexus\n{stamp} [-] bye", "no nexus"),
            (f"{stamp} [twisted.internet.defer#critical] Unhandled error in Deferred", ""),
            (f"{stamp} [galaxy.daemon#info] all is well", ""),
        ]
        for text, words in cases:
            with self.subTest(words=words):
                self.assertEqual(last_words(text), words)

    def test_what_a_log_says_since(self) -> None:
        """What a daemon said when it was started before is not taken for its words now."""
        log = self.run_directory / "x.log"
        log.write_text("old")
        before = log_sizes(self.run_directory)[log]
        log.write_text("old new")
        self.assertEqual(log_since(log, before), " new")
        log.write_text("n")
        self.assertEqual(log_since(log, before), "n")
        self.assertEqual(log_since(self.run_directory / "none", 0), "")
