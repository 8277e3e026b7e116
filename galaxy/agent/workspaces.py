"""
The directories of pods, on disk.

    <data>/pods/<pod>.<incarnation>/<task number>/    a task's workspace
                                   /<task number>.tmp/      its /tmp
                                   /<output files>    see `galaxy.agent.output.outputs`
                                   /evidence.json     how attempts that lived here ended
    <data>/dead/<pod>.<incarnation>/                  the same, of pods that are forgotten
    <data>/trash/                                     what is being deleted

A dead pod's directory is moved, so that what it wrote can still be read, until
`galaxy.agent.remains.graves` collects it. One that cannot be moved is dead where it is.
"""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Container, Iterator
from pathlib import Path

from attrs import define
from google.protobuf import json_format
from twisted.logger import Logger

from galaxy.agent.output.logs import LogFile
from galaxy.agent.output.outputs import Output, output
from galaxy.agent.places import Places
from galaxy.agent.records import PodKey
from galaxy.names import parse_pod_id
from galaxy.protocol.agent_pb2 import PodStatus, ShowPodsResponse

EVIDENCE = "evidence.json"


@define
class Home:
    """A pod's directory. `died`: when its pod was forgotten; None while it has one."""

    key: PodKey
    directory: Path
    died: float | None = None


class Workspaces:
    """Makes, finds and buries the directories of pods below `data`."""

    _log = Logger()

    def __init__(self, data: Path) -> None:
        self._pods = data / "pods"
        self._dead = data / "dead"
        self._trash = data / "trash"
        self._homes: dict[tuple[str, int], dict[int, Home]] = {}  # by slot and incarnation

    def prepare(self) -> None:
        """Make the directories that hold all others, and look what is there. Raises `OSError`."""
        for directory in (self._pods, self._dead, self._trash):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o711)  # a task's user gets to its own, and cannot look around
        for path in self._dead.iterdir():
            if (key := _key(path.name)) is not None:
                self._enter(Home(key, path, path.stat().st_mtime))

    def bury_orphans(self, known: Container[str], now: float) -> None:
        """Bury the directories that no pod of these names claims."""
        for path in list(self._pods.iterdir()):
            key = _key(path.name)
            if key is None:
                continue
            self._enter(Home(key, path))
            if path.name not in known:
                self.bury(key, _time_of_death(path, now))

    def places(self, key: PodKey) -> Places:
        """Where the files of a pod are, whether or not they are there yet."""
        return Places(self._pods / key.name)

    def find(self, key: PodKey) -> Places:
        """Where the files of a pod are, dead or alive."""
        home = self._homes.get((key.job_id, key.index), {}).get(key.incarnation)
        return self.places(key) if home is None else Places(home.directory)

    def latest(self, pod_id: str) -> PodKey | None:
        """The last incarnation of a slot that has left a directory."""
        homes = self._homes.get(parse_pod_id(pod_id))
        return homes[max(homes)].key if homes else None

    def homes(self) -> list[Home]:
        """All directories of pods, dead and alive, in no order."""
        return [home for homes in self._homes.values() for home in homes.values()]

    def dead(self) -> list[Home]:
        """The directories of pods that are forgotten, in no order."""
        return [home for home in self.homes() if home.died is not None]

    def outputs(self, slot: tuple[str, int], since: int = 0) -> list[tuple[Output, LogFile]]:
        """
        What the tasks of a slot wrote, in the order it was begun in.

        `since`: only of this incarnation and later ones.
        """
        homes = self._homes.get(slot, {})
        found = [pair for home in homes.values() for pair in _outputs(home.directory)]
        return sorted(
            (pair for pair in found if pair[0].incarnation >= since), key=lambda pair: pair[1].order
        )

    def make(self, key: PodKey, number: int, user: str) -> None:
        """
        See that a task has its workspace and its /tmp, belonging to its user. Raises
        `OSError`, and `KeyError` when there is no such user.
        """
        workspace = self.places(key).workspace(number)
        # Whoever made a directory may have been killed before it was as it is to be.
        workspace.parent.mkdir(exist_ok=True)
        workspace.parent.chmod(0o711)  # whatever the daemon's umask is
        self._enter(Home(key, workspace.parent))
        account = pwd.getpwnam(user) if user else None
        for directory in (workspace, self.places(key).temporary(number)):
            directory.mkdir(mode=0o700, exist_ok=True)
            if account is not None:
                os.chown(directory, account.pw_uid, account.pw_gid, follow_symlinks=False)

    def record(self, key: PodKey, last: PodStatus) -> None:
        """
        Keep, in a pod's directory, how an attempt that lived there stood in the end.

        Of one attempt the latest word counts.
        """
        directory = self.find(key).directory
        try:
            told = ShowPodsResponse(
                pods=[
                    pod
                    for pod in read_evidence(directory).pods
                    if pod.incarnation != last.incarnation
                ]
            )
            told.pods.append(last)
            written = directory / f"{EVIDENCE}.new"
            written.write_text(json_format.MessageToJson(told), encoding="utf-8")
            written.rename(directory / EVIDENCE)
        except FileNotFoundError:
            return  # it never had a directory
        except OSError as error:
            self._log.error("what became of {pod} is not kept: {error}", pod=key.name, error=error)

    def bury(self, key: PodKey, now: float) -> bool:
        """Move a pod's directory to the dead ones; whether there was one."""
        home = self._homes.get((key.job_id, key.index), {}).get(key.incarnation)
        if home is None or not home.directory.exists():
            return False
        dead = self._dead / key.name
        try:
            if home.directory != dead:
                if dead.exists():  # of an agent whose records were lost
                    dead.rename(self._trash / f"{dead.name}.{int(now)}")
                home.directory.rename(dead)
                home.directory = dead
            os.utime(home.directory, (now, now))
        except OSError as error:
            # On another file system, for instance: it is dead all the same, where it is.
            at = home.directory
            self._log.warn("{path} is not moved: {error}", path=at, error=error)
        home.died = now
        return True

    def discard(self, home: Home) -> Path:
        """Forget a dead pod's directory; where it is now, to be deleted. Raises `OSError`."""
        slot = home.key.job_id, home.key.index
        trashed = self._trash / home.directory.name
        try:
            home.directory.rename(trashed)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            trashed = home.directory
        self._homes[slot].pop(home.key.incarnation)
        if not self._homes[slot]:
            del self._homes[slot]
        return trashed

    def strip(self, key: PodKey) -> list[Path]:
        """
        Take all but logs and evidence out of a dead pod's directory; where it is now, to be
        deleted. Raises `OSError`.
        """
        directory = self.find(key).directory
        taken: list[Path] = []
        for path in list(directory.iterdir()):
            if path.name != EVIDENCE and (path.is_dir() or output(path.name) is None):
                trashed = self._trash / f"{key.name}.of.{path.name}"
                path.rename(trashed)
                taken.append(trashed)
        return taken

    def trash(self) -> list[Path]:
        """What an agent was deleting when it ended."""
        return list(self._trash.iterdir())

    def _enter(self, home: Home) -> None:
        slot = home.key.job_id, home.key.index
        self._homes.setdefault(slot, {}).setdefault(home.key.incarnation, home)


def read_evidence(directory: Path) -> ShowPodsResponse:
    """How the attempts that lived in a directory ended, as far as that is told there."""
    try:
        text = (directory / EVIDENCE).read_text(encoding="utf-8")
        told = json_format.Parse(text, ShowPodsResponse(), ignore_unknown_fields=True)
    except (FileNotFoundError, json_format.ParseError):
        return ShowPodsResponse()
    for pod in told.pods:
        pod.path = str(directory)  # it was another while the pod lived
    return told


def _outputs(directory: Path) -> Iterator[tuple[Output, LogFile]]:
    try:
        names = os.listdir(directory)
    except FileNotFoundError:  # collected a moment ago
        return
    for name in names:
        if (found := output(name)) is not None:
            yield found, LogFile(found.order, directory / name)


def _time_of_death(directory: Path, now: float) -> float:
    """When its pod was forgotten, as far as that can be told; now, if that was not noted."""
    try:
        return min(now, (directory / EVIDENCE).stat().st_mtime)
    except FileNotFoundError:
        return now


def _key(name: str) -> PodKey | None:
    """Whose directory this is."""
    pod_id, _, incarnation = name.rpartition(".")
    try:
        job, index = parse_pod_id(pod_id)
        return PodKey(job, index, int(incarnation))
    except ValueError:
        return None
