"""
twistd for the daemons of a local cluster: it lets go of the oldest log files.

    python -m galaxy.client.local.twistd OPTIONS... PLUGIN OPTIONS...

twistd begins a new file at a MB, and has no option for how many it keeps.
"""

from __future__ import annotations

from twisted.logger import FileLogObserver
from twisted.scripts._twistd_unix import UnixApplicationRunner, UnixAppLogger
from twisted.scripts.twistd import run

OLD_LOGS = 10


class Logger(UnixAppLogger):
    """Keeps so many files beside the present one."""

    def _getLogObserver(self) -> FileLogObserver:  # noqa: N802 - Twisted calls it so
        observer: FileLogObserver = super()._getLogObserver()
        observer._outFile.maxRotatedFiles = OLD_LOGS  # type: ignore[attr-defined] # noqa: SLF001
        return observer


if __name__ == "__main__":
    UnixApplicationRunner.loggerFactory = Logger
    run()
