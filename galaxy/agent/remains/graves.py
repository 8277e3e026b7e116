"""
Keeps what remains of dead pods, and collects it: the oldest first, a few at a time.

What is collected is moved away at once, so that nobody begins to read it, and
then deleted in a thread, which may take long. Of a pod that held more than it might only
the evidence is kept, and the last of its logs.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.agent.complaint import Complaint
from galaxy.agent.inthread import InThread
from galaxy.agent.ledger import Ledger
from galaxy.agent.output.holes import CannotPunch
from galaxy.agent.output.pruner import Bounds, prune
from galaxy.agent.records import Pod, PodKey
from galaxy.agent.remains.retention import Retention, collectable
from galaxy.agent.specs import PodSpec
from galaxy.agent.status import pod_status
from galaxy.agent.storage.quotas import Weight
from galaxy.agent.usage import Meter
from galaxy.agent.workspaces import Workspaces
from galaxy.protocol.agent_pb2 import Description

LOOK_S = 5.0
PAUSE_S = 0.5  # between two rounds, as long as there is something to collect
MOST_AT_ONCE = 16
LAST_BYTES = 1 << 20  # of each log of a pod that held too much

_METER = Meter()  # what is over uses nothing
_log = Logger()


class Graves:
    """
    Buries the directories of pods, and deletes them when their time is over.

    The ledger is told of both; `news` is called when it has more to tell. `free_share`
    says how much is free of the file system of a directory, between 0 and 1; `weigh` what a
    directory holds, if not more than so many bytes. Made of `workspaces` that are prepared;
    raises `OSError`.
    """

    def __init__(
        self,
        *,
        workspaces: Workspaces,
        ledger: Ledger,
        retention: Retention,
        free_share: Callable[[], float],
        weigh: Callable[[str, int], Deferred[Weight]],
        in_thread: InThread,
        news: Callable[[], None],
        clock: IReactorTime,
    ) -> None:
        self._workspaces = workspaces
        self._ledger = ledger
        self._retention = retention
        self._free_share = free_share
        self._weigh = weigh
        self._sizes: dict[PodKey, int] = {}
        self._excessive: dict[PodKey, Bounds] = {}
        self._stripped: list[tuple[Bounds, list[Path]]] = []
        self._blind = Complaint(_log, "what remains of pods is not collected: {error}")
        self._in_thread = in_thread
        self._news = news
        self._clock = clock
        self._collecting: Deferred[None] | None = None
        self._trash = workspaces.trash()
        for home in workspaces.dead():
            ledger.leave(home.key)

    def start(self, broken: Callable[[Failure], None]) -> None:
        """Begin to collect; `broken` is told of a fault of ours, which ends that."""
        self._collecting = Deferred.fromCoroutine(self._collect_for_ever())
        self._collecting.addErrback(broken)

    def stop(self) -> None:
        """Collect no more. What is being deleted is deleted by the next agent."""
        if self._collecting is not None:
            self._collecting.cancel()

    def record(self, pod: Pod, description: Description, spec: PodSpec) -> None:
        """
        Keep how an attempt stands that is to be forgotten, with the files that it left.

        It is kept before it is forgotten, so that nothing is lost when we are killed between.
        """
        directory = self._workspaces.find(pod.home).directory
        now = self._clock.seconds()
        last = pod_status(
            pod, description, spec, picture=None, meter=_METER, directory=directory, now=now
        )
        last.dead, last.healthy = True, False
        self._workspaces.record(pod.home, last)
        if pod.excess:
            logs = dict.fromkeys(range(len(pod.tasks)), LAST_BYTES)
            self._excessive[pod.home] = Bounds(directory, logs)

    def bury(self, key: PodKey) -> None:
        """Keep a pod's directory as that of a dead one."""
        if self._workspaces.bury(key, self._clock.seconds()):
            self._ledger.leave(key)
            if (bounds := self._excessive.pop(key, None)) is not None:
                there = self._workspaces.find(key).directory
                self._stripped.append((evolve(bounds, directory=there), self._strip(key)))

    def _strip(self, key: PodKey) -> list[Path]:
        try:
            return self._workspaces.strip(key)
        except OSError as error:
            _log.warn("what {pod} held too much is kept: {error}", pod=key.name, error=error)
            return []

    async def _collect_for_ever(self) -> None:
        try:
            await self._delete(self._trash)
            while True:
                busy = await self._collect()
                await deferLater(self._clock, PAUSE_S if busy else LOOK_S)
        except CancelledError:
            pass  # `stop`

    async def _collect(self) -> bool:
        """Delete a few that should go, and weigh a few; whether there were any."""
        await self._delete_stripped()
        dead = {home.key: home for home in self._workspaces.dead()}
        if not dead:
            return False
        try:
            free: float = await self._in_thread(self._free_share)
        except OSError as error:
            self._blind.make(error)
            return False
        self._blind.withdraw()
        died = {key: home.died or 0.0 for key, home in dead.items()}
        self._sizes = {key: size for key, size in self._sizes.items() if key in dead}
        now = self._clock.seconds()
        going = collectable(died, now, free, self._retention, self._sizes)[:MOST_AT_ONCE]
        trashed: list[Path] = []
        for key in going:
            try:
                trashed.append(self._workspaces.discard(dead[key]))
            except OSError as error:
                at = dead[key].directory
                _log.error("{path} cannot be collected: {error}", path=at, error=error)
                continue
            self._ledger.collect(key)
        if trashed:
            self._news()
            await self._delete(trashed)
        unweighed = [key for key in dead if key not in self._sizes and key not in going]
        for key in unweighed[:MOST_AT_ONCE]:
            self._sizes[key] = await self._size(dead[key].directory)
        return bool(trashed or unweighed)

    async def _size(self, directory: Path) -> int:
        try:
            return (await self._weigh(str(directory), self._retention.most_bytes)).size_bytes
        except OSError as error:
            _log.warn("{path} could not be weighed: {error}", path=directory, error=error)
            return 0

    async def _delete_stripped(self) -> None:
        stripped, self._stripped = self._stripped, []
        for bounds, trashed in stripped:
            await self._delete(trashed)
            try:
                await self._in_thread(partial(prune, bounds))
            except (CannotPunch, OSError) as error:
                _log.warn("{path} is not pruned: {error}", path=bounds.directory, error=error)

    async def _delete(self, directories: list[Path]) -> None:
        for directory in directories:
            try:
                await self._in_thread(partial(remove, directory))
            except OSError as error:  # no process can be made for it now
                _log.warn("{path} is not deleted: {error}", path=directory, error=error)


def remove(directory: Path) -> None:
    """
    Delete a directory with all that a task may have made in it. In a thread.

    By `rm`, which is not stopped by a tree that is deeper than a path can be long; what
    its owner may not enter or change is opened first.
    """
    target = f"./{directory.name}"
    for command in (["rm"], ["chmod", "--recursive", "u+rwX"], ["rm"]):
        options = ["--recursive", "--force", "--one-file-system"] if command == ["rm"] else []
        done = subprocess.run(
            [*command, *options, target], cwd=directory.parent, capture_output=True, check=False
        )
        if command == ["rm"] and done.returncode == 0:
            return
    said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    _log.warn("{path} is not deleted: {said}", path=directory, said=said)


def free_share(directory: Path) -> float:
    """How much is free of a directory's file system, of its space or its inodes. In a thread."""
    disk = os.statvfs(directory)
    space = disk.f_bavail / disk.f_blocks if disk.f_blocks else 1.0
    inodes = disk.f_favail / disk.f_files if disk.f_files else 1.0
    return min(space, inodes)
