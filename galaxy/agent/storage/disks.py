"""
The disks that volumes are on: which there are, and which of them a volume goes to. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from attrs import frozen

from galaxy.agent.records import Pod
from galaxy.protocol.types_pb2 import Resource
from galaxy.resources import format_size, parse_size

Name = tuple[str, str]
"""What tells a volume of a pod from the others: "disk" or "ssd", and its path."""


@frozen
class Disk:
    """A directory for volumes, and how much all of them together may hold."""

    path: str
    size_bytes: int

    @classmethod
    def parse(cls, text: str) -> Disk:
        """The disk in "/PATH=SIZE"; ValueError if it is none."""
        path, equals, size = text.rpartition("=")
        if not equals or not path.startswith("/") or ".." in path.split("/"):
            raise ValueError(f"{text!r} is no disk: write /PATH=SIZE, like /mnt/disk1=500G")
        return cls(path.rstrip("/") or "/", parse_size(size))


def parsed(texts: Iterable[str]) -> tuple[Disk, ...]:
    """The disks in texts; ValueError if one is none, or two are the same."""
    disks = tuple(map(Disk.parse, texts))
    if len({disk.path for disk in disks}) < len(disks):
        raise ValueError("one directory is named twice in agent.disks and agent.ssds")
    return disks


@frozen
class Wanted:
    """A volume as a pod asks for it."""

    medium: str  # "disk" or "ssd"
    path: str
    quota_bytes: int

    @property
    def name(self) -> Name:
        """What it is known by, across versions of its pod."""
        return self.medium, self.path

    @property
    def directory(self) -> str:
        """What its directory is called among those of its pod."""
        return f"{self.medium}-{quote(self.path.strip('/'), safe='')}"

    @property
    def target(self) -> str:
        """Where tasks find it."""
        return "/" + self.path.strip("/")


@frozen
class Mounted:
    """Something of a pod that all its tasks find at `target`; outside their box it is `source`."""

    source: str
    target: str
    variable: str  # that says where it is


@frozen
class DiskPlaces:
    """
    Where the volumes of this agent are on its disks: `<disk>/<name>/<pod>.<incarnation>/`, but
    on its own disk without the name, which tells several agents on one disk apart.
    """

    own: str
    name: str

    def root(self, disk: str) -> Path:
        """The directory for all volumes on a disk."""
        return Path(disk) if disk == self.own else Path(disk) / self.name

    def volume(self, pod: Pod, wanted: Wanted, disk: str) -> Path:
        """The directory of a volume."""
        return self.root(disk) / pod.home.name / wanted.directory

    def mounted(self, pod: Pod, asked: Resource) -> list[Mounted]:
        """What a pod has of disks."""
        placed = zip(volumes(asked), pod.disks, strict=False)
        return [
            Mounted(str(self.volume(pod, wanted, disk)), wanted.target, f"GALAXY_VOLUME_{number}")
            for number, (wanted, disk) in enumerate(placed)
        ]


def volumes(asked: Resource) -> tuple[Wanted, ...]:
    """The volumes of a pod: those on disks, then those on ssds."""
    return (
        *(Wanted("disk", volume.path, volume.quota) for volume in asked.disks),
        *(Wanted("ssd", volume.path, volume.quota) for volume in asked.ssds),
    )


def chosen(
    wanted: Sequence[Wanted],
    free: Mapping[str, Mapping[str, int]],
    kept: Mapping[Name, str],
) -> tuple[str, ...] | str:
    """
    The disk of each volume, or what is lacking.

    `free`: by medium and path of a disk, what is left of it. `kept`: where volumes
    are already, which stay where they are. The others go, the largest first, to the
    disk with the most room.
    """
    left = {medium: dict(disks) for medium, disks in free.items()}
    places: dict[int, str] = {}
    for number in sorted(
        range(len(wanted)), key=lambda n: (wanted[n].name not in kept, -wanted[n].quota_bytes)
    ):
        volume = wanted[number]
        disks = left[volume.medium]
        disk = kept.get(volume.name) or max(disks, key=lambda path: disks[path], default="")
        room = max(0, disks.get(disk, 0))
        if volume.quota_bytes > room:
            return (
                f"asks {format_size(volume.quota_bytes)} of {volume.medium} for {volume.path}, "
                f"{format_size(room)} are free on {disk or 'none'}"
            )
        disks[disk] -= volume.quota_bytes
        places[number] = disk
    return tuple(places[number] for number in range(len(wanted)))


def together(amounts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """How much there is on each disk."""
    sums: dict[str, int] = {}
    for path, size in amounts:
        sums[path] = sums.get(path, 0) + size
    return sums
