"""Whether this machine lets us make boxes (`galaxy.gce.box`), found out by trying."""

from __future__ import annotations

import os

from galaxy.gce.kernel import (
    CLONE_NEWIPC,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUTS,
    clone_mounts,
    die_with_parent,
    unshare,
)
from galaxy.libc import MS_RDONLY, MS_REC, MS_SLAVE, mount

_NAMESPACES = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC


def why_no_boxes() -> str:
    """Why tasks cannot be put in boxes here; empty: they can. A child tries what it takes."""
    if os.geteuid() != 0:
        return "the container engine has no root"
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            die_with_parent()  # whose lock it has, too
            unshare(_NAMESPACES)
            mount("none", "/", "", MS_REC | MS_SLAVE)
            clone_mounts("/", MS_RDONLY)
        except OSError as error:
            os.write(write, f"the kernel refuses namespaces or mounts: {error.strerror}".encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as said:
        reason = said.read().decode()
    os.waitpid(child, 0)
    return reason
