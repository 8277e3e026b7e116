"""
Machines of a test: network namespaces on one bridge, each cut off from others at will.

A cut is a wrong address in the neighbour tables of both: what is sent goes nowhere, and nobody
is told, as with a cable that was pulled. This process is on the bridge too, and is never cut off.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from uuid import uuid4

from attrs import frozen

_NOBODY = "02:00:00:00:00:01"  # no machine has it


def missing() -> str | None:
    """Why no such machines can be made here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"gx{os.getpid()}probe"
    made = subprocess.run(
        ["ip", "netns", "add", probe], capture_output=True, text=True, check=False
    )
    if made.returncode:
        return f"network namespaces cannot be made here: {made.stderr.strip()}"
    _ip("netns", "del", probe)
    return None


@frozen
class Machine:
    """A network namespace with one address."""

    name: str
    address: str

    @property
    def enter(self) -> Sequence[str]:
        """What stands before a command that runs there."""
        # Not `ip netns exec`, which hides the control groups.
        return ("nsenter", f"--net=/run/netns/{self.name}")


class Machines:
    """Some machines by short names, such as "m1"; `remove` leaves nothing of them."""

    def __init__(self, names: Sequence[str]) -> None:
        self._known: dict[str, Machine] = {}
        # Of its own each time: what is removed is not gone at once.
        number = uuid4().int
        self._bridge = f"gx{number % 16**6:06x}"
        network = f"10.{213 + number % 40}.{number // 40 % 250}"
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("addr", "add", f"{network}.254/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        try:
            for index, name in enumerate(names, 1):
                self._make(Machine(f"{self._bridge}{name}", f"{network}.{index}"), name)
        except subprocess.CalledProcessError:
            self.remove()
            raise

    def __getitem__(self, name: str) -> Machine:
        return self._known[name]

    def cut(self, some: Iterable[str], others: Iterable[str]) -> None:
        """Let each of some and each of the others hear nothing of one another."""
        self._neighbours(some, others, "replace", "lladdr", _NOBODY, "nud", "permanent")

    def heal(self, some: Iterable[str], others: Iterable[str]) -> None:
        """Undo a cut."""
        self._neighbours(some, others, "del")

    def remove(self) -> None:
        """Undo everything. Processes that are still there go on without a network."""
        for short, machine in self._known.items():
            _ip("netns", "del", machine.name)
            # Connections that linger keep a namespace, and so its cable, for a while.
            _ip("link", "del", f"{self._bridge}{short}", must=False)
        _ip("link", "del", self._bridge)

    def _make(self, machine: Machine, short: str) -> None:
        outside = f"{self._bridge}{short}"
        _ip("netns", "add", machine.name)
        self._known[short] = machine
        _ip("link", "add", outside, "type", "veth", "peer", "eth0", "netns", machine.name)
        _ip("link", "set", outside, "master", self._bridge, "up")
        _ip("-n", machine.name, "link", "set", "lo", "up")
        _ip("-n", machine.name, "addr", "add", f"{machine.address}/24", "dev", "eth0")
        _ip("-n", machine.name, "link", "set", "eth0", "up")

    def _neighbours(self, some: Iterable[str], others: Iterable[str], *what: str) -> None:
        verb, *more = what
        others = tuple(others)
        for name in some:
            for other in others:
                here, there = self._known[name], self._known[other]
                for one, two in ((here, there), (there, here)):
                    _ip("-n", one.name, "neigh", verb, two.address, *more, "dev", "eth0")


def _ip(*arguments: str, must: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=must, capture_output=True)
