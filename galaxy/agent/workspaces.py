"""
The directories of pods, on disk.

    <data>/pods/<pod>.<incarnation>/<task number>/    a task's workspace
                                   /<task number>.stdout, .stderr
    <data>/dead/<pod>.<incarnation>/                  the same, of pods that are forgotten

A dead pod's directory is moved, so that what it wrote can still be read, and the
oldest are removed when there are more than a few.
"""

from __future__ import annotations

import glob
import os
import pwd
import shutil
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from galaxy.agent.launch import Places
from galaxy.agent.records import PodKey
from galaxy.names import parse_pod_id

KEEP_DEAD = 20

InThread = Callable[[Callable[[], None]], Deferred[Any]]


class Workspaces:
    """Makes, finds and buries the directories of pods below `data`."""

    _log = Logger()

    def __init__(self, data: Path, in_thread: InThread, keep_dead: int = KEEP_DEAD) -> None:
        self._pods = data / "pods"
        self._dead = data / "dead"
        self._in_thread = in_thread
        self._keep_dead = keep_dead
        self._collecting = False
        self._uncollected = False

    def prepare(self) -> None:
        """Make the directories that hold all others. Raises `OSError`."""
        for directory in (self._pods, self._dead):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o711)  # a task's user gets to its own, and cannot look around

    def places(self, key: PodKey) -> Places:
        """Where the files of a pod are, whether or not they are there yet."""
        return Places(self._pods / key.name)

    def find(self, key: PodKey) -> Places:
        """Where the files of a pod are, dead or alive."""
        alive = self.places(key)
        return alive if alive.directory.exists() else Places(self._dead / key.name)

    def latest(self, pod_id: str) -> PodKey | None:
        """The last incarnation of a slot that has left a directory."""
        found = [
            int(number)
            for directory in (self._pods, self._dead)
            for path in directory.glob(f"{glob.escape(pod_id)}.*")
            if (number := path.name.rpartition(".")[2]).isdigit()
        ]
        job, index = parse_pod_id(pod_id)
        return PodKey(job, index, max(found)) if found else None

    def make(self, key: PodKey, number: int, user: str) -> None:
        """
        See that a task has its workspace, belonging to its user. Raises `OSError`,
        and `KeyError` when there is no such user.
        """
        workspace = self.places(key).workspace(number)
        try:
            workspace.parent.mkdir()
            workspace.parent.chmod(0o711)  # whatever the daemon's umask is
        except FileExistsError:
            pass
        try:
            workspace.mkdir(mode=0o700)
        except FileExistsError:
            return
        if user:
            account = pwd.getpwnam(user)
            os.chown(workspace, account.pw_uid, account.pw_gid)

    def bury(self, key: PodKey) -> None:
        """
        Move a pod's directory to the dead ones, and have the oldest of those removed.

        What cannot be moved now is an orphan, and is moved at the next start.
        """
        alive = self._pods / key.name
        try:
            if alive.exists():
                self._move(alive)
        except OSError as error:
            self._log.error("{path} cannot be buried: {error}", path=alive, error=error)
        self._collect_soon()

    def bury_orphans(self, known: Container[str]) -> None:
        """Move the directories that no pod of these names claims. Raises `OSError`."""
        for path in self._pods.iterdir():
            if path.name not in known:
                self._move(path)

    def _move(self, alive: Path) -> None:
        dead = self._dead / alive.name
        shutil.rmtree(dead, ignore_errors=True)
        alive.rename(dead)
        os.utime(dead)

    def _collect_soon(self) -> None:
        """Collect in a thread, one at a time; what dies meanwhile is seen by the next."""
        self._uncollected = True
        if not self._collecting:
            self._collecting = True
            Deferred.fromCoroutine(self._collect_all()).addErrback(
                lambda failure: self._log.failure("dead pods are not collected", failure)
            )

    async def _collect_all(self) -> None:
        try:
            while self._uncollected:
                self._uncollected = False
                await self._in_thread(self._collect)
        finally:
            self._collecting = False

    def _collect(self) -> None:
        newest_first = sorted(self._dead.iterdir(), key=lambda path: -path.stat().st_mtime)
        for path in newest_first[self._keep_dead :]:
            shutil.rmtree(path, ignore_errors=True)
