"""`twistd galaxy-agent`: its options and its parts."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.application.service import MultiService
from twisted.internet.threads import deferToThread
from twisted.python import usage

from galaxy.agent import port_probe
from galaxy.agent.agent import Agent
from galaxy.agent.condition import MachineCondition
from galaxy.agent.console.channels import Channels
from galaxy.agent.delivery.sources import all_sources
from galaxy.agent.delivery.throttle import Throttle
from galaxy.agent.gce_link import DetachedGce
from galaxy.agent.machine import Machine, TooSmall
from galaxy.agent.ports import PortRange
from galaxy.agent.probes import NetworkProbes
from galaxy.agent.remains.graves import free_share
from galaxy.agent.storage.disks import parsed
from galaxy.agent.storage.measure import gently, weigh
from galaxy.agent.storage.unlinked import unlinked, written
from galaxy.agent.store import open_database
from galaxy.agent.surroundings import Surroundings
from galaxy.agent.users import Users
from galaxy.daemon import (
    FAULT,
    DaemonOptions,
    build,
    claim_directory,
    find_masters,
    give_up,
    refuse_to_start,
    with_manhole,
)
from galaxy.nexus.commit import DiskThread
from galaxy.protocol.tcp import TcpNetwork
from galaxy.resources import parse_size
from galaxy.settings import AgentSettings

_LONGEST_SOCKET_PATH = 107


class Options(DaemonOptions):
    """What an agent may be told."""

    optParameters: list[list[Any]] = [
        ["endpoint", "e", None, "HOST:PORT to listen on, and to be known by."],
        ["nexus", None, None, "Find the master here: zookeeper://HOSTS/CHROOT."],
        ["data-dir", "d", None, "Where pods, packages and the agent's own records are kept."],
        ["millicores", None, None, "Processor time for pods; default: the machine's.", int],
        ["memory", None, None, "Memory for pods, like 4G; default: the machine's, less a reserve."],
        ["dynamic-ports", None, None, "FIRST-LAST: the ports for those who ask for any."],
        ["default-user", None, None, "Whose rights tasks get; default: galaxy."],
        ["cgroup", None, None, "The control group, below each hierarchy, that pods go to."],
        ["gce-socket", None, None, "Where gce listens; default: gce.sock in the data directory."],
        ["gce-pidfile", None, None, "Default: gce.pid in the data directory."],
        ["gce-log", None, None, "Default: gce.log in the data directory."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.masters: list[str] = []
        self.labels: list[str] = []

    def opt_master(self, address: str) -> None:
        """HOST:PORT of a master; may be repeated, or joined by commas."""
        self.masters.extend(part.strip() for part in address.split(",") if part.strip())

    opt_m = opt_master

    def opt_label(self, label: str) -> None:
        """A label of this machine; may be repeated."""
        self.labels.append(label)

    def postOptions(self) -> None:
        """Lay the flags over the settings file, and check them."""
        super().postOptions()
        try:
            self.agent = self._laid_over(self.settings.agent)
            PortRange.parse(self.agent.dynamic_ports)
            parsed((*self.agent.disks, *self.agent.ssds))
        except ValueError as error:
            raise usage.UsageError(str(error)) from error

    def _laid_over(self, settings: AgentSettings) -> AgentSettings:
        flags = {
            "endpoint": self["endpoint"],
            "data_dir": self["data-dir"],
            "millicores": self["millicores"],
            "memory_bytes": self["memory"] and parse_size(self["memory"]),
            "dynamic_ports": self["dynamic-ports"],
            "default_user": self["default-user"],
            "cgroup": self["cgroup"],
            "labels": tuple(self.labels) or None,
        }
        given: dict[str, Any] = {name: flag for name, flag in flags.items() if flag is not None}
        settings = evolve(settings, **given)
        # twistd goes to another directory when it goes to the background. Boxes have no links
        # but those of the machine's directories: what is in one must be named as it is.
        return evolve(settings, data_dir=str(Path(settings.data_dir).resolve()))


def makeService(options: Options) -> MultiService:
    """The parts of an agent."""
    from twisted.internet import reactor

    clock: Any = reactor
    network = TcpNetwork(clock)
    settings = options.agent
    data = Path(settings.data_dir)
    claim_directory(data, "the agent's data")
    if os.geteuid() == 0:
        data.chmod(0o711)  # other users' tasks get to their directories, and cannot look around
    gce = _gce(options, data)
    masters = find_masters(options.settings, options.masters, options["nexus"], clock)
    try:
        agent = Agent(
            settings,
            Surroundings(
                clock=clock,
                rng=random.Random(),  # noqa: S311 -- for jitter, and names that only must differ
                machine=Machine.here(data),
                users=_users(settings),
                network=network,
                discovery=masters,
                open_database=lambda: open_database(data / "store"),
                disk=DiskThread(clock, "agent-store"),
                in_thread=deferToThread,
                sources=all_sources(clock, Throttle(settings.download_bytes_ps), data),
                gce_address=f"unix:{gce.socket}",
                spawner=gce,
                build=build(),
                probes=NetworkProbes(clock),
                foreign_port=port_probe.in_use,
                weigh=gently(weigh),
                hidden=gently(unlinked),
                written=written,
                scales=DiskThread(clock, "agent-scales"),
                search=DiskThread(clock, "agent-search"),
                channels=Channels(clock, data / "exec"),
                condition=MachineCondition([data, *_disks(settings)]).read,
                free_share=lambda: free_share(data),
            ),
            cannot_work=lambda sentence: give_up(clock, sentence),
            has_a_fault=lambda sentence: give_up(clock, sentence, FAULT),
        )
    except TooSmall as error:
        refuse_to_start(str(error))
    parts = MultiService()
    masters.setServiceParent(parts)
    agent.setServiceParent(parts)
    with_manhole(
        parts, options, {"agent": agent, "pods": agent.pods, "wire": network.counters}, clock
    )
    return parts


def _disks(settings: AgentSettings) -> list[Path]:
    return [Path(disk.path) for disk in parsed((*settings.disks, *settings.ssds))]


def _users(settings: AgentSettings) -> Users:
    users = Users(
        os.getuid(),
        settings.default_user,
        settings.own_accounts,
        unboxed=settings.unboxed_user,
    )
    if problem := users.problem():
        refuse_to_start(problem)
    return users


def _gce(options: Options, data: Path) -> DetachedGce:
    def place(option: str, name: str) -> Path:
        return Path(options[option] or data / name).absolute()

    socket = place("gce-socket", "gce.sock")
    if len(os.fsencode(socket)) > _LONGEST_SOCKET_PATH:
        refuse_to_start(
            f"the path of gce's socket, {socket}, has more than {_LONGEST_SOCKET_PATH} bytes:"
            " choose a shorter --data-dir, or another --gce-socket"
        )
    return DetachedGce(
        socket=socket,
        directory=data / "gce",
        cgroup=options.agent.cgroup,
        pidfile=place("gce-pidfile", "gce.pid"),
        log=place("gce-log", "gce.log"),
    )
