"""Which control groups this machine offers us: the choice, and its reason in words."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from galaxy.gce.cgroup_none import NoCgroups
from galaxy.gce.cgroup_v1 import CgroupsV1
from galaxy.gce.cgroup_v2 import CgroupsV2
from galaxy.gce.cgroups import CgroupError, ICgroups
from galaxy.gce.disks import Disks, disks
from galaxy.gce.mounts import parse_mountinfo

_NEEDED = {"cpu", "memory"}
_DEVICES = "/sys/dev/block"


def read_mountinfo() -> str:
    """The mounts that this process sees."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def find_disks(directory: str) -> Disks:
    """The disks of this machine, as they are now; pods live in `directory`."""
    links = {}
    for number in os.listdir(_DEVICES):
        links[number] = os.path.realpath(f"{_DEVICES}/{number}")
    return disks(read_mountinfo(), links, os.path.realpath(directory), _device_number)


def _device_number(path: str) -> str:
    try:
        device = os.stat(path).st_rdev
    except OSError:
        return ""
    return f"{os.major(device)}:{os.minor(device)}"


def find_cgroups(
    base: str, directory: str = "/", mountinfo: Callable[[], str] = read_mountinfo
) -> ICgroups:
    """
    The best provider that works here, its base groups made.

    `base` is the name of the group below each mount that is ours, such as
    "galaxy/agent-0"; empty: no control groups are wanted. Pods live in `directory`.
    """
    if not base:
        return NoCgroups("control groups are switched off in the settings")
    mounts = parse_mountinfo(mountinfo())
    controllers = {name for hierarchy in mounts.hierarchies for name in hierarchy.controllers}
    look = partial(find_disks, directory)
    try:
        if controllers >= _NEEDED:
            return CgroupsV1(mounts.hierarchies, base, look)
        if mounts.unified:
            return CgroupsV2(mounts.unified, base, find_disks=look)
    except CgroupError as error:
        return NoCgroups(str(error))
    return NoCgroups("no control groups for cpu and memory are mounted writable")
