"""
What a task sees of the machine: the binds of its box, and which a pod cannot have here.

The task's own files are at the same paths inside and outside. The agent's data are
never seen, wherever they lie: an empty directory hides them where they are below something
that is bound.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from attrs import frozen

from galaxy.agent.places import Places
from galaxy.agent.storage.disks import Mounted, volumes
from galaxy.protocol.gce_pb2 import Bind, Box
from galaxy.protocol.types_pb2 import PodDescriptor, kNetworkPrivate

LONGEST_HOSTNAME = 64
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108  (the task's own)
_HIDING = 64 << 10


@frozen
class Boxes:
    """The rule of this machine. `data`: the agent's directory, with no symbolic link on the way."""

    data: Path
    host_dirs: tuple[str, ...] = ()  # seen, and not written to
    writable_dirs: tuple[str, ...] = ()
    is_there: Callable[[str], bool] = os.path.lexists
    is_directory: Callable[[str], bool] = lambda path: (  # reached by no symbolic link
        os.path.isdir(path) and os.path.realpath(path) == path
    )

    def refusal(self, pod: PodDescriptor) -> str:
        """Why the pod cannot have what it asks for where it wants it; "" if it can."""
        asked = pod.requirement
        wanted = [volume.path for volume in volumes(asked)]
        if asked.tmpfs.size:
            wanted.append(asked.tmpfs.path)
        reasons = (self._fault(PurePosixPath(f"/{path.strip('/')}")) for path in wanted)
        return next(filter(None, reasons), "")

    def _fault(self, place: PurePosixPath) -> str:
        """
        What is in the way of a volume. Where tasks of others write, and in what is read-only,
        nothing is made for one; and none is put over what tasks need, or what is the agent's.
        """
        if _meet(place, self.data):
            return f"{place} is no place for a volume: this agent has its data in {self.data}"
        for path in self.writable_dirs:
            if _meet(place, path):
                return f"{place} is no place for a volume: here tasks share {path}"
        for path in self.host_dirs:
            if PurePosixPath(path).is_relative_to(place):
                return f"{place} is no place for a volume: it would hide this machine's {path}"
            inside = place.is_relative_to(path) and self.is_there(path)
            if inside and not self.is_directory(str(place)):
                return (
                    f"{place} is no place for a volume: this machine's {path} is not to be written"
                    " to, and has no such directory"
                )
        return ""

    def box(
        self,
        pod: PodDescriptor,
        pod_id: str,
        number: int,
        places: Places,
        mounted: Sequence[Mounted] = (),
    ) -> Box | None:
        """The box of a task; None: it sees the machine as it is."""
        if not pod.namespace_isolation:
            return None
        return Box(
            hostname=pod_id[:LONGEST_HOSTNAME],
            binds=[
                *self._binds(number, places),
                *(Bind(source=m.source, target=m.target, writable=True) for m in mounted),
            ],
            private_network=pod.network == kNetworkPrivate,
        )

    def _binds(self, number: int, places: Places) -> Iterator[Bind]:
        for path in self.host_dirs:
            yield Bind(source=path, target=path)
        for path in self.writable_dirs:
            yield Bind(source=path, target=path, writable=True)
        if any(_within(self.data, path) for path in (*self.host_dirs, *self.writable_dirs)):
            yield Bind(target=str(self.data), tmpfs=_HIDING)
        temporary = str(places.temporary(number))
        for path in TEMPORARY:
            yield Bind(source=temporary, target=path, writable=True)
        workspace = str(places.workspace(number))
        yield Bind(source=workspace, target=workspace, writable=True)


def _meet(place: PurePosixPath, directory: str | Path) -> bool:
    """Whether one is at, below or above the other."""
    return place.is_relative_to(directory) or PurePosixPath(directory).is_relative_to(place)


def _within(path: Path, directory: str) -> bool:
    return PurePosixPath(path).is_relative_to(directory)
