"""
`galaxy up`, told from beginning to end.

Daemons that live are left alone, so that doing it again mends whatever is
missing and disturbs nothing.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from attrs import frozen

from galaxy.client import exits
from galaxy.client.command import Failure
from galaxy.client.leader import Leader, Unreachable
from galaxy.client.local.plan import (
    AgentShare,
    Daemon,
    Layout,
    agents_from,
    agents_text,
    daemons,
    free_ports,
    more_agents,
    settings_text,
)
from galaxy.client.local.processes import last_lines, living, running, start
from galaxy.client.session import Session
from galaxy.client.whereabouts import Whereabouts
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import GetStatusRequest, ListAgentsRequest
from galaxy.protocol.statuses import GalaxyError
from galaxy.settings import Settings, read_settings

_POLL_S = 0.1
_PATIENCE_S = 60.0


@frozen
class Wish:
    """What the command line asked for; None: nothing."""

    agents: int | None = None
    port: int | None = None
    millicores: int | None = None
    memory_bytes: int | None = None
    nexus: str | None = None
    masters: int | None = None


@frozen
class Member:
    """A daemon of the cluster that is up, for the table."""

    name: str
    pid: int
    address: str
    log: str
    started: bool


def bring_up(session: Session, layout: Layout, wish: Wish) -> list[Member]:
    """Start what is missing; return when the agents are alive. Raises `Failure`."""
    with _locked(layout):
        settings = _settings(layout, wish)
        masters = settings.masters or (settings.master.listen,)
        agents = _agents(layout, wish, masters)
        sockets = _socket_directory(layout, len(agents))
        planned = daemons(layout, sockets, masters, settings.nexus, agents)
        before = running(layout.run)
        missing = [daemon for daemon in planned if daemon.name not in before]
        since = session.clock()
        _start(layout, missing)
        leader = Leader(Whereabouts(masters, str(layout.settings)), session.dial, session.sleep)
        _wait(session, leader, layout, _Wanted(planned, agents, since))
        addresses = {f"agent-{n}": agent.endpoint for n, agent in enumerate(agents)}
        addresses |= {d.name: a for d, a in zip(planned, masters, strict=False)}
        names = [daemon.name for daemon in planned]
        names += [f"gce-{number}" for number in range(len(agents))]
        return [
            Member(
                name,
                process.pid,
                addresses.get(name, ""),
                str(layout.logfile(name)),
                name not in before,
            )
            for name in names
            if (process := living(layout.pidfile(name)))
        ]


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    """One `up` at a time; the directories are there."""
    try:
        for directory in (layout.directory, layout.run, layout.log):
            directory.mkdir(parents=True, exist_ok=True)
        lock = (layout.run / "up.lock").open("w")
    except OSError as error:
        raise Failure(
            exits.FAILED, f"a cluster cannot live in {layout.directory}: {error.strerror}"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _settings(layout: Layout, wish: Wish) -> Settings:
    """Those of the cluster; written on the first time, and then never changed."""
    if not layout.settings.exists():
        nexus = wish.nexus or f"leveldb:{layout.directory / 'nexus'}"
        count = wish.masters or 1
        if count > 1 and nexus.startswith("leveldb:"):
            raise Failure(
                exits.USAGE,
                "several masters need a nexus they can share: --nexus zookeeper://HOSTS/CHROOT",
            )
        if wish.port is not None and not _is_free(wish.port):
            raise Failure(exits.FAILED, f"port {wish.port} is taken: name another with --port")
        ports = free_ports(layout, _is_free, wish.port)
        masters = [f"127.0.0.1:{next(ports)}" for _ in range(count)]
        layout.settings.write_text(settings_text(masters, nexus), encoding="utf-8")
    settings = read_settings(layout.settings)
    if not settings.nexus:
        raise Failure(exits.USAGE, f"{layout.settings} names no nexus")
    _refuse_changes(layout, settings, wish)
    return settings


def _refuse_changes(layout: Layout, settings: Settings, wish: Wish) -> None:
    masters = settings.masters or (settings.master.listen,)
    for option, asked, have in (
        ("--port", wish.port, int(settings.master.listen.rpartition(":")[2])),
        ("--nexus", wish.nexus, settings.nexus),
        ("--masters", wish.masters, len(masters)),
    ):
        if asked is not None and asked != have:
            raise Failure(
                exits.USAGE,
                f"{option} {asked}: {layout.settings} says {have}."
                " Change it there while the cluster is down, or name another --dir",
            )


def _agents(layout: Layout, wish: Wish, masters: Sequence[str]) -> tuple[AgentShare, ...]:
    try:
        known = agents_from(layout.agents.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ()
    except ValueError as error:
        raise Failure(exits.FAILED, f"{layout.agents} cannot be read: {error}") from error
    count = max(len(known), wish.agents or 1)
    if count == len(known):
        return known
    taken = [*masters, *(agent.endpoint for agent in known)]
    above = max(int(address.rpartition(":")[2]) for address in taken) + 1
    agents = more_agents(
        known,
        count,
        layout=layout,
        ports=free_ports(layout, _is_free, above),
        machine=((os.cpu_count() or 1) * 1000, psutil.virtual_memory().total),
        millicores=wish.millicores or 0,
        memory_bytes=wish.memory_bytes or 0,
    )
    layout.agents.write_text(agents_text(agents), encoding="utf-8")
    return agents


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _socket_directory(layout: Layout, agents: int) -> Path:
    directory = layout.sockets(Path(tempfile.gettempdir()), agents)
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.lstat().st_uid != os.geteuid():
        raise Failure(exits.FAILED, f"{directory} belongs to somebody else; name a shorter --dir")
    return directory


def _start(layout: Layout, missing: list[Daemon]) -> None:
    """Start all together: each spends most of its start on reading Python."""
    started = [start(d.name, d.command(layout), layout.pidfile(d.name)) for d in missing]
    failures = []
    for daemon in started:
        status, said = daemon.outcome()
        if status:
            failures.append(f"{daemon.name} did not start (status {status}): {said}")
    if failures:
        raise Failure(exits.FAILED, "\n".join(failures))


@frozen
class _Wanted:
    daemons: tuple[Daemon, ...]
    agents: tuple[AgentShare, ...]
    since: float  # agents must have been heard of after this


def _wait(session: Session, leader: Leader, layout: Layout, wanted: _Wanted) -> None:
    """Until the agents are alive and the master trusts its picture."""
    deadline = session.clock() + _PATIENCE_S
    while reason := _lacks(leader, layout, wanted):
        for daemon in wanted.daemons:
            if living(layout.pidfile(daemon.name)) is None:
                log = layout.logfile(daemon.name)
                raise Failure(
                    exits.FAILED,
                    f"{daemon.name} has died. The end of {log}:\n{last_lines(log)}",
                )
        if session.clock() > deadline:
            raise Failure(
                exits.TIMED_OUT, f"not up after {_PATIENCE_S:g} s: {reason}. Logs: {layout.log}"
            )
        session.sleep(_POLL_S)
    leader.close()


def _lacks(leader: Leader, layout: Layout, wanted: _Wanted) -> str:
    """What is still missing; empty: nothing."""
    try:
        listed = leader.ask(lambda master: master.list_agents(ListAgentsRequest())).agents
        status = leader.ask(lambda master: master.get_status(GetStatusRequest()))
    except (Unreachable, GalaxyError) as error:
        return str(error)
    alive = {
        agent.endpoint
        for agent in listed
        if agent.state in (pb.kAlive, pb.kOffline) and agent.heartbeat_time >= wanted.since
    }
    for number, agent in enumerate(wanted.agents):
        if agent.endpoint not in alive:
            return f"agent-{number} has not reported"
        if living(layout.pidfile(f"gce-{number}")) is None:
            return f"gce-{number} does not run"
    if status.safe_mode:
        return f"the master is in safe mode: {status.safe_mode_reason}"
    return ""
