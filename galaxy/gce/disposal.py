"""
Deletes, beside everything else, what gce has done with.

To delete a record that was just written may have to wait for the disk, 6 ms where many are
written; gce would answer nobody meanwhile. What a gce leaves undeleted, the next one deletes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from twisted.logger import Logger

_MOST = 256  # waiting; then whoever wants more waits for his own


def delete(directory: Path) -> None:
    """
    Delete a directory, which somebody else may be deleting too.

    Half the time of `shutil.rmtree`, which distrusts the directory.
    """
    with suppress(FileNotFoundError):
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    delete(Path(entry.path))
                else:
                    with suppress(FileNotFoundError):
                        os.unlink(entry.path)
        os.rmdir(directory)


class Disposal:
    """One thread that deletes directories, in the order in which they came."""

    _log = Logger()

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Path | None] = SimpleQueue()
        self._thread: Thread | None = None

    def __call__(self, directory: Path) -> None:
        """Delete it soon."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="disposal", daemon=True)
            self._thread.start()
        if self._waiting.qsize() < _MOST:
            self._waiting.put(directory)
        else:
            delete(directory)

    def finish(self) -> None:
        """Return when nothing waits; more can come later."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (directory := self._waiting.get()) is not None:
            try:
                delete(directory)
            except OSError as error:
                self._log.warn("cannot delete what is done with: {error}", error=error)
