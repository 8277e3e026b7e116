"""
The boundary of the control groups: what gce asks of the kernel for a container.

Providers: `galaxy.gce.cgroup_v1`, `galaxy.gce.cgroup_v2`, and
`galaxy.gce.cgroup_none` where there is no tree to write to. Which one it is, the
mounts decide (`galaxy.gce.containment`).

Every provider keeps its groups below one base group of each hierarchy and
touches nothing that is not below it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Iterable

from attrs import define, field, frozen
from zope.interface import Attribute, Interface

from galaxy.processors import format_processors, parse_processors


@frozen
class Io:
    """What a container may do with each disk, a second. Zero: no bound."""

    read_bytes: int = 0
    write_bytes: int = 0
    read_ios: int = 0
    write_ios: int = 0
    weight: int = 0  # its share of a disk that is contended for, 10 to 1000; zero: the usual

    @property
    def is_bounded(self) -> bool:
        """Whether there is any bound."""
        return any((self.read_bytes, self.write_bytes, self.read_ios, self.write_ios))


@frozen
class Allowance:
    """What the processes of a container may use together. Zero: no limit."""

    millicores: int = 0
    memory_bytes: int = 0
    pids: int = 0
    soft_cpu: bool = False  # may use what is idle
    processors: str = ""  # those it is bound to, like "0,2-3"; empty: any
    io: Io = Io()


@frozen
class Ceiling:
    """What all containers may use together. Zero: no limit."""

    millicores: int = 0
    memory_bytes: int = 0


@frozen
class Usage:
    """What the processes of a container used and use."""

    cpu_ns: int = 0
    memory_bytes: int = 0  # without page cache
    memory_with_cache_bytes: int = 0
    pids: int = 0
    read_bytes: int = 0  # from disks
    write_bytes: int = 0
    read_ios: int = 0
    write_ios: int = 0


@frozen
class Entrance:
    """
    How a process enters a container.

    `join` are the files that it writes "0" to, `oom_events` is the file whose
    "oom_kill" line counts the kernel's killings for memory; empty: none.
    """

    join: tuple[str, ...] = ()
    oom_events: str = ""


class CgroupError(Exception):
    """The kernel refused; nothing is promised of the group but that `remove` cleans it up."""


@define
class Owed:
    """What the kernel, or the provider, may refuse for now: each step raises `CgroupError` then."""

    refusal: str = field(default="", init=False)  # of what could not be done yet; empty: all was
    _left: list[Callable[[], None]] = field(factory=list, init=False)

    def set(self, steps: Iterable[Callable[[], None]]) -> None:
        """Do this from now on, in place of what was to be done before."""
        self._left = list(steps)
        self.try_again()

    def try_again(self) -> None:
        """Do what is left, if anything."""
        left, self._left, self.refusal = self._left, [], ""
        for step in left:
            try:
                step()
            except CgroupError as error:
                self._left.append(step)
                self.refusal = f"the limit over all pods is not in force yet: {error}"


_LINKS_WITHOUT_SUBGROUPS = 2  # itself and its parent's entry; each subgroup adds one


class ICgroups(Interface):
    """
    The control groups of containers.

    `keepers` are the pids of the living keepers of the container's processes,
    for the provider that has nothing else to go by. What is no longer there
    is no error: groups vanish under whoever reads them.
    """

    isolation: str = Attribute('"cgroup-v1", "cgroup-v2" or "none".')
    reason: str = Attribute("Why it is not more, in words; may be empty.")

    def limit(ceiling: Ceiling) -> None:
        """
        Limit all containers together.

        What the kernel refuses, because they use or were promised more, is told in
        `reason`, and tried again as containers go.
        """

    def create(container: str, allowance: Allowance) -> Entrance:
        """
        Make the groups of a container, or find them, and set the limits.

        Raises `CgroupError` naming the file that the kernel refused, or the processors
        that are not there.
        """

    def path(container: str) -> str:
        """Where the container's groups are below each mount; empty: nowhere."""

    def pids(container: str, keepers: Collection[int]) -> list[int]:
        """Every living process of the container."""

    def terminate(container: str, keepers: Collection[int]) -> None:
        """SIGTERM to every process of the container."""

    def kill_all(container: str, keepers: Collection[int]) -> None:
        """
        SIGKILL to every process of the container, frozen and stopped ones too.

        What forks meanwhile may escape: call again until `pids` is empty.
        """

    def freeze(container: str) -> None:
        """Stop the processes of a container where they are."""

    def thaw(container: str) -> None:
        """Let them go on."""

    def usage(container: str, keepers: Collection[int]) -> Usage:
        """What the container uses."""

    def containers() -> list[str]:
        """The containers that have groups, whoever made them."""

    def remove(container: str) -> None:
        """Remove the groups. Raises `CgroupError` while something lives in them."""

    def close() -> None:
        """Remove the base group if it holds no container."""


def write(path: str, value: str) -> None:
    """Write a control file."""
    try:
        fd = os.open(path, os.O_WRONLY)
        try:
            os.write(fd, value.encode())
        finally:
            os.close(fd)
    except OSError as error:
        raise CgroupError(f"cannot write {value!r} to {path}: {error.strerror}") from error


def check_processors(asked: str, present: str) -> None:
    """`CgroupError` if a list of processors has one that is not in the other list."""
    if not present.strip():
        raise CgroupError(f"asks for processors {asked}, and this machine can bind to none")
    missing = format_processors(parse_processors(asked) - parse_processors(present.strip()))
    if missing:
        raise CgroupError(f"asks for processors {missing}, and there are only {present.strip()}")


def write_if_there(path: str, value: str) -> None:
    """Write a control file, unless it is not, or no longer, there."""
    try:
        write(path, value)
    except CgroupError as error:
        if not is_gone(error.__cause__):
            raise


def read(path: str) -> str:
    """Read a control file; empty when the group or the file is not there."""
    try:
        with open(path, "rb") as file:
            return file.read().decode()
    except OSError as error:
        if is_gone(error):
            return ""
        raise CgroupError(f"cannot read {path}: {error.strerror}") from error


def make(path: str) -> bool:
    """Make a group; whether it is new."""
    try:
        os.mkdir(path)
    except FileExistsError:
        if os.path.isdir(path):
            return False
        raise CgroupError(f"{path} is a control file, not a group: choose another name") from None
    except OSError as error:
        raise CgroupError(f"cannot make the group {path}: {error.strerror}") from error
    return True


def processes_of(group: str) -> set[int]:
    """The pids in a group and in those below it."""
    found = {int(line) for line in read(f"{group}/cgroup.procs").split()}
    for below in subgroups(group):
        found |= processes_of(f"{group}/{below}")
    return found


def remove_group(path: str) -> None:
    """Remove a group and those below it."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        within = subgroups(path)
        if not within:
            raise CgroupError(f"cannot remove the group {path}: {error.strerror}") from error
        for below in within:
            remove_group(f"{path}/{below}")
        remove_group(path)


def remove_if_empty(mount: str, base: str) -> None:
    """Remove the base group and its parents, up to the mount, as far as they hold nothing."""
    for path in reversed(levels(mount, base)):
        try:
            os.rmdir(path)
        except OSError:
            return


def subgroups(path: str) -> list[str]:
    """The names of the groups in a group."""
    try:
        if os.stat(path).st_nlink == _LINKS_WITHOUT_SUBGROUPS:
            return []
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def levels(mount: str, base: str) -> list[str]:
    """The groups on the way from the mount (left out) to the base group, outermost first."""
    parts = base.split("/")
    return ["/".join([mount, *parts[: end + 1]]) for end in range(len(parts))]


def is_gone(error: BaseException | None) -> bool:
    """Whether a file, or its group, is not there. ENODEV: it went after the file was opened."""
    return isinstance(error, OSError) and error.errno in {errno.ENOENT, errno.ENODEV}
