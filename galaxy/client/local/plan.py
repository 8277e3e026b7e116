"""
What a local cluster consists of: directories, daemons, ports, shares. Pure.

Everything follows from the cluster's directory, so that two clusters with
different directories do not meet: the ports that are tried first, the ports
that pods get, and the name of the control group come from a hash of its path.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import asdict, frozen

TWISTD = (sys.executable, "-P", "-m", "galaxy.client.local.twistd")

_FIRST_PORT = 10000
_BLOCKS, _BLOCK = 900, 11  # ports 10000 to 19899; pods' dynamic ports lie above
_FIRST_DYNAMIC, _DYNAMIC_SLICES, _DYNAMIC_SLICE = 20000, 50, 200
_RESERVE_BYTES = 256 << 20
_LONGEST_SOCKET_PATH = 107  # the kernel's limit


@frozen
class Layout:
    """Where things are."""

    directory: Path  # absolute

    @property
    def digest(self) -> bytes:
        """What tells this cluster from every other."""
        return hashlib.sha256(os.fsencode(self.directory)).digest()

    @property
    def name(self) -> str:
        """The cluster's name where one is needed outside its directory."""
        return f"galaxy-{self.digest.hex()[:10]}"

    @property
    def settings(self) -> Path:
        """What clients and daemons read."""
        return self.directory / "galaxy.toml"

    @property
    def agents(self) -> Path:
        """What `up` knows of the agents it made."""
        return self.directory / "agents.json"

    @property
    def run(self) -> Path:
        """Pid files."""
        return self.directory / "run"

    @property
    def log(self) -> Path:
        """Logs of the daemons."""
        return self.directory / "log"

    def pidfile(self, daemon: str) -> Path:
        """Where a daemon's pid is."""
        return self.run / f"{daemon}.pid"

    def logfile(self, daemon: str) -> Path:
        """Where a daemon's log is."""
        return self.log / f"{daemon}.log"

    def sockets(self, temporary: Path, agents: int) -> Path:
        """Where gce's sockets are: in `run`, or if that path is too long for one, elsewhere."""
        longest = os.fsencode(self.run / f"gce-{agents}.sock")
        return self.run if len(longest) <= _LONGEST_SOCKET_PATH else temporary / self.name


@frozen
class AgentShare:
    """One agent of the cluster, and its part of the machine; 0: all that it finds."""

    endpoint: str
    dynamic_ports: str
    millicores: int = 0
    memory_bytes: int = 0


@frozen
class Daemon:
    """One twistd process: its name here, its plugin's name, its options."""

    name: str
    plugin: str
    arguments: tuple[str, ...]

    @property
    def is_master(self) -> bool:
        """Whether it may lead."""
        return self.plugin == "galaxy-master"

    def command(self, layout: Layout) -> tuple[str, ...]:
        """The command that starts it in the background."""
        return (
            *TWISTD,
            *("--pidfile", str(layout.pidfile(self.name))),
            *("--logfile", str(layout.logfile(self.name))),
            *("--rundir", str(layout.directory)),
            self.plugin,
            *self.arguments,
        )


def settings_text(masters: Sequence[str], nexus: str) -> str:
    """The galaxy.toml of a new cluster."""
    lines = ["# Written by `galaxy up`; change it while the cluster is down."]
    lines.append(f"nexus = {json.dumps(nexus)}")
    if len(masters) > 1:
        lines.append(f"masters = {json.dumps(list(masters))}")
    lines += ["", "[master]", f"listen = {json.dumps(masters[0])}", ""]
    return "\n".join(lines)


def agents_text(agents: Sequence[AgentShare]) -> str:
    """What `agents_from` reads."""
    return json.dumps([asdict(agent) for agent in agents], indent=2) + "\n"


def agents_from(text: str) -> tuple[AgentShare, ...]:
    """The agents that were made before. ValueError when the text is something else."""
    try:
        return tuple(AgentShare(**entry) for entry in json.loads(text))
    except TypeError as error:
        raise ValueError(str(error)) from error


def more_agents(
    known: Sequence[AgentShare],
    count: int,
    *,
    layout: Layout,
    ports: Iterator[int],
    machine: tuple[int, int],
    millicores: int = 0,
    memory_bytes: int = 0,
) -> tuple[AgentShare, ...]:
    """
    The known agents, and new ones up to `count`.

    A new one gets the share that was asked for, or an equal part of the machine
    (millicores, bytes); the only one of a cluster sees for itself. Shares given
    before are not changed.
    """
    agents = list(known)
    cores, memory = machine
    for number in range(len(agents), count):
        equal_cores = cores // count if count > 1 else 0
        equal_memory = max(0, memory - _RESERVE_BYTES) // count if count > 1 else 0
        agents.append(
            AgentShare(
                endpoint=f"127.0.0.1:{next(ports)}",
                dynamic_ports=_dynamic_ports(layout, number),
                millicores=millicores or equal_cores,
                memory_bytes=memory_bytes or equal_memory,
            )
        )
    return tuple(agents)


def _dynamic_ports(layout: Layout, number: int) -> str:
    """A range for each agent: agents of one machine do not see each other's ports."""
    position = (int.from_bytes(layout.digest[:4]) + number) % _DYNAMIC_SLICES
    first = _FIRST_DYNAMIC + position * _DYNAMIC_SLICE
    return f"{first}-{first + _DYNAMIC_SLICE - 1}"


def free_ports(
    layout: Layout, is_free: Callable[[int], bool], start: int | None = None
) -> Iterator[int]:
    """Ports that are free now, from `start` on, or from where this cluster's own begin."""
    if start is None:
        start = _FIRST_PORT + int.from_bytes(layout.digest[4:8]) % _BLOCKS * _BLOCK
    return (port for port in range(start, 65536) if is_free(port))


def daemons(
    layout: Layout,
    sockets: Path,
    masters: Sequence[str],
    agents: Sequence[AgentShare],
) -> tuple[Daemon, ...]:
    """
    Every daemon of the cluster, in the order in which they are started.

    The nexus stands in the settings alone: its URL may hold a password, and everybody
    on a machine sees command lines.
    """
    config = ("--config", str(layout.settings))
    return (
        *(
            Daemon(
                f"master-{number}" if number else "master",
                "galaxy-master",
                (*config, "--listen", address),
            )
            for number, address in enumerate(masters)
        ),
        Daemon("scheduler", "galaxy-scheduler", config),
        *(
            Daemon(
                f"agent-{number}",
                "galaxy-agent",
                (*config, *_agent_options(layout, sockets, number, agent)),
            )
            for number, agent in enumerate(agents)
        ),
    )


def _agent_options(
    layout: Layout, sockets: Path, number: int, agent: AgentShare
) -> tuple[str, ...]:
    options = {
        "--endpoint": agent.endpoint,
        "--data-dir": layout.directory / f"agent-{number}",
        "--dynamic-ports": agent.dynamic_ports,
        "--cgroup": f"{layout.name}/agent-{number}",
        "--gce-socket": sockets / f"gce-{number}.sock",
        "--gce-pidfile": layout.pidfile(f"gce-{number}"),
        "--gce-log": layout.logfile(f"gce-{number}"),
        "--millicores": agent.millicores or None,
        "--memory": agent.memory_bytes or None,
    }
    return tuple(
        str(part) for option in options.items() if option[1] is not None for part in option
    )
