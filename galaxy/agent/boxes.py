"""
What a task sees of the machine: the binds of its box. Pure.

The task's own files are at the same paths inside and outside. The agent's data are
never seen, wherever they lie: an empty directory hides them where they are below something
that is bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from attrs import frozen

from galaxy.agent.places import Places
from galaxy.agent.storage.disks import Mounted
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


def _within(path: Path, directory: str) -> bool:
    return PurePosixPath(path).is_relative_to(directory)
