"""
What a pod has of disks, beside its directory: volumes and tmpfs, made, told of, and removed.

    <data>/volumes/<pod>.<incarnation>/disk-data/     where no disk is configured
    <disk>/galaxy-<name>/<pod>.<incarnation>/...      where one is
    <data>/pods/<pod>.<incarnation>/tmpfs/

They live as long as the pod's directory is somebody's, and are removed when the pod is
forgotten: their room is promised to the next.
"""

from __future__ import annotations

import os
import pwd
import secrets
import subprocess
from collections.abc import Container, Iterable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from galaxy.agent.inthread import InThread
from galaxy.agent.machine import volumes_in
from galaxy.agent.records import Pod, PodKey
from galaxy.agent.storage import tmpfs
from galaxy.agent.storage.disks import DiskPlaces, Mounted, volumes
from galaxy.agent.storage.project_quotas import is_limited, keeps_quotas, limit
from galaxy.agent.storage.quotas import Part
from galaxy.protocol.types_pb2 import Resource

_TRASH = "trash"
_TMPFS = "tmpfs"


class Volumes:
    """Makes, finds and removes what pods have of these disks; `workspace_bytes` as by default."""

    _log = Logger()

    def __init__(
        self, data: Path, disks: Iterable[str], workspace_bytes: int, in_thread: InThread
    ) -> None:
        self._data = data
        self._disks = tuple(disks)
        self._workspace_bytes = workspace_bytes
        self._in_thread = in_thread
        self._places = DiskPlaces(str(volumes_in(data)), "")
        self._keeping: frozenset[Path] = frozenset()  # below these, file systems keep quotas
        self._kept: set[Path] = set()

    def prepare(self, known: Container[str]) -> None:
        """
        Make the directories that hold all others; remove what none of these pods has.

        Raises `OSError`.
        """
        self._places = DiskPlaces(str(volumes_in(self._data)), _own_name(self._data / "disks-name"))
        for disk in self._disks:
            root = self._places.root(disk)
            if disk == self._places.own:
                root.mkdir(parents=True, exist_ok=True)
            for directory in (root, root / _TRASH):
                directory.mkdir(exist_ok=True)
                directory.chmod(0o711)  # a task's user gets to its own, and cannot look around
            for path in list(root.iterdir()):
                if path.name not in known and path.name != _TRASH:
                    self._throw_away(root, path.name)
            self._empty(root / _TRASH)
        roots = [self._data / "pods", *map(self._places.root, self._disks)]
        self._keeping = frozenset(root for root in roots if keeps_quotas(root))
        for path in (self._data / "pods").iterdir():
            if path.name not in known:
                tmpfs.take_away(path / _TMPFS)

    def make(self, pod: Pod, asked: Resource) -> None:
        """
        See that a pod has what it asks for, belonging to its user. Raises `OSError`, and
        `KeyError` when there is no such user.
        """
        account = pwd.getpwnam(pod.user) if pod.user else None
        owner = (os.getuid(), os.getgid()) if account is None else (account.pw_uid, account.pw_gid)
        home = self._data / "pods" / pod.home.name
        new = _make(home, 0o711)
        self._limit(home, self.directory_bytes(asked), new=new)
        for wanted, mounted in zip(volumes(asked), self._places.mounted(pod, asked), strict=False):
            directory = Path(mounted.source)
            _make(directory.parent, 0o711)
            new = _make(directory, 0o700)
            if new and account is not None:
                os.chown(directory, *owner)
            self._limit(directory, wanted.quota_bytes, new=new)
        self._clear(pod.home, {each.source for each in self._places.mounted(pod, asked)})
        if asked.tmpfs.size:
            tmpfs.put(home / _TMPFS, asked.tmpfs.size, owner)

    def directory_bytes(self, asked: Resource) -> int:
        """What a pod's directory may hold."""
        return asked.workspace or self._workspace_bytes

    def mounted(self, pod: Pod, asked: Resource) -> list[Mounted]:
        """What a pod's tasks find, and where."""
        found = self._places.mounted(pod, asked)
        if asked.tmpfs.size:
            target = "/" + asked.tmpfs.path.strip("/")
            found.append(Mounted(str(self._tmpfs(pod.home)), target, "GALAXY_TMPFS"))
        return found

    def weighable(self, pod: Pod, asked: Resource) -> list[Part]:
        """What of a pod no file system keeps within its quota."""
        directory = self._data / "pods" / pod.home.name
        parts = [Part("its workspace", str(directory), self.directory_bytes(asked))]
        mounted = self._places.mounted(pod, asked)
        parts.extend(
            Part(f"its volume {wanted.path}", each.source, wanted.quota_bytes)
            for wanted, each in zip(volumes(asked), mounted, strict=False)
        )
        if asked.tmpfs.size and not tmpfs.is_put(directory / _TMPFS):
            parts.append(Part("its tmpfs", str(directory / _TMPFS), asked.tmpfs.size))
        return [part for part in parts if not self._is_kept(Path(part.directory))]

    def _clear(self, home: PodKey, wanted: Container[str]) -> None:
        """Remove what an earlier version had, and this one does not ask for."""
        for disk in self._disks:
            root = self._places.root(disk)
            place = root / home.name
            if not place.is_dir():
                continue
            for path in list(place.iterdir()):
                if str(path) not in wanted:
                    self._throw_away(root, f"{home.name}/{path.name}")
                    self._empty(root / _TRASH)

    def _limit(self, directory: Path, size_bytes: int, *, new: bool) -> None:
        """Have the file system keep a quota; not of what an agent made that could not."""
        if self._is_kept(directory) or (new and self._keeping.intersection(directory.parents)):
            limit(directory, size_bytes)

    def _is_kept(self, directory: Path) -> bool:
        if directory in self._kept:
            return True
        if not self._keeping.intersection(directory.parents) or not is_limited(directory):
            return False
        self._kept.add(directory)
        return True

    def bury(self, home: PodKey) -> None:
        """Remove what a pod had."""
        self._kept = {path for path in self._kept if home.name not in path.parts}
        try:
            tmpfs.take_away(self._tmpfs(home))
            for disk in self._disks:
                root = self._places.root(disk)
                if (root / home.name).exists():
                    self._throw_away(root, home.name)
                    self._empty(root / _TRASH)
        except OSError as error:
            self._log.error("{pod} leaves something: {error}", pod=home.name, error=error)

    def _tmpfs(self, home: PodKey) -> Path:
        return self._data / "pods" / home.name / _TMPFS

    def _throw_away(self, root: Path, name: str) -> None:
        (root / name).rename(root / _TRASH / secrets.token_hex(8))

    def _empty(self, trash: Path) -> None:
        """Delete in a thread what was thrown away; what fails is tried again by the next agent."""
        thrown = list(trash.iterdir())
        if thrown:
            deleted: Deferred[None] = self._in_thread(lambda: _delete(thrown))
            deleted.addErrback(
                lambda failure: self._log.failure("volumes are not deleted", failure)
            )


def _delete(paths: list[Path]) -> None:
    """`rm` does it, however deeply directories are nested; what another deletes is no fault."""
    subprocess.run(["rm", "-rf", "--one-file-system", "--", *paths], check=True)


def _make(directory: Path, mode: int) -> bool:
    """Make a directory of exactly this mode; whether it was not there."""
    try:
        directory.mkdir(mode=mode)
    except FileExistsError:
        return False
    directory.chmod(mode)  # whatever the daemon's umask is
    return True


def _own_name(path: Path) -> str:
    """A name that this agent has for good."""
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        name = f"galaxy-{secrets.token_hex(4)}"
        path.write_text(name, encoding="ascii")
        return name
