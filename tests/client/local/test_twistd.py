"""The log files of the daemons of a local cluster."""

from __future__ import annotations

import signal
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.local.twistd import OLD_LOGS, Logger


class LoggerTests(SynchronousTestCase):
    """What a daemon logs to."""

    def test_oldest_go(self) -> None:
        """Whatever a daemon has to say, it does not fill the disk."""
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.getsignal(signal.SIGUSR1))
        path = Path(self.mktemp()).absolute()
        observer = Logger({"logfile": str(path)})._getLogObserver()
        for _ in range(OLD_LOGS + 5):
            observer({"log_format": "{text}", "text": "x" * 1_000_000})
        self.assertEqual(len(list(path.parent.glob(f"{path.name}.*"))), OLD_LOGS)
