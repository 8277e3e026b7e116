"""
`galaxy up`, told from beginning to end.

Daemons that live are left alone, so that doing it again mends whatever is
missing and disturbs nothing.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import frozen

from galaxy.client import exits
from galaxy.client.command import Failure, told
from galaxy.client.ensemble import EnsembleFailure, check
from galaxy.client.leader import Leader, Unreachable
from galaxy.client.local.account import see_to_account
from galaxy.client.local.ground import claimed, lay
from galaxy.client.local.plan import AgentShare, Daemon, Layout, daemons
from galaxy.client.local.processes import (
    last_lines,
    last_words,
    living,
    log_since,
    log_sizes,
    running,
    start,
)
from galaxy.client.local.settled import (
    Wish,
    known_agents,
    passed_over,
    settled_agents,
    settled_settings,
)
from galaxy.client.session import Session
from galaxy.client.whereabouts import Whereabouts
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import (
    AgentOverview,
    GetStatusRequest,
    GetStatusResponse,
    ListAgentsRequest,
)
from galaxy.protocol.statuses import GalaxyError

_POLL_S = 0.1
_PATIENCE_S = 60.0
_ENSEMBLE_EVERY_S = 10.0  # as long as something lacks, the ensemble is seen to


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
    lay(layout)
    with claimed(layout, told):
        settings = settled_settings(layout, wish)
        masters = settings.masters or (settings.master.listen,)
        see_to_account(settings.agent.default_user, told)
        known = known_agents(layout)
        if ignored := passed_over(wish, known):
            told(f"galaxy: {ignored}")
        agents = settled_agents(layout, wish, known, masters)
        sockets = _socket_directory(layout, len(agents))
        planned = daemons(layout, sockets, masters, agents)
        before = running(layout.run)
        missing = [daemon for daemon in planned if daemon.name not in before]
        ensemble = settings.nexus if settings.nexus.startswith("zookeeper:") else ""
        wanted = _Wanted(planned, agents, session.clock(), log_sizes(layout.log), ensemble)
        leader = Leader(
            Whereabouts(masters, str(layout.settings)), session.dial, session.sleep, patience_s=0
        )
        if ensemble and any(daemon.is_master for daemon in missing):
            check(ensemble)
        try:
            _start(layout, missing)
            _wait(session, leader, layout, wanted)
        except Failure as failure:
            new = sorted(set(running(layout.run)) - set(before))
            raise Failure(failure.code, failure.sentence + _left_running(layout, new)) from failure
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


def _socket_directory(layout: Layout, agents: int) -> Path:
    directory = layout.sockets(Path(tempfile.gettempdir()), agents)
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Failure(exits.FAILED, f"{directory} cannot be made: {error.strerror}") from error
    if directory.lstat().st_uid != os.geteuid():
        raise Failure(exits.FAILED, f"{directory} belongs to somebody else; name a shorter --dir")
    return directory


def _left_running(layout: Layout, names: list[str]) -> str:
    """What a failed `up` says of the daemons that it did start."""
    if not names:
        return ""
    return (
        f"\nStarted, and left running: {', '.join(names)}."
        f" `galaxy down --dir {layout.directory}` stops them"
    )


def _start(layout: Layout, missing: list[Daemon]) -> None:
    """Start all together: each spends most of its start on reading Python."""
    try:
        started = [start(d.name, d.command(layout), layout.pidfile(d.name)) for d in missing]
    except OSError as error:
        raise Failure(exits.FAILED, f"daemons cannot be started: {error}") from error
    failures = []
    for daemon in started:
        status, said = daemon.outcome()
        if status:
            why = last_words(said) or f"(status {status}) {said}"
            failures.append(f"{daemon.name} did not start: {why}")
    if failures:
        raise Failure(exits.FAILED, "\n".join(failures))


@frozen
class _Wanted:
    daemons: tuple[Daemon, ...]
    agents: tuple[AgentShare, ...]
    since: float  # agents must have been heard of after this
    logged: Mapping[Path, int]  # how long each log was before the start
    ensemble: str  # its URL, if there is one

    def words_of(self, log: Path) -> str:
        """Why a daemon gave up, if its log says so since the start."""
        return last_words(log_since(log, self.logged.get(log, 0)))


def _wait(session: Session, leader: Leader, layout: Layout, wanted: _Wanted) -> None:
    """Until the agents are alive and the master trusts its picture."""
    deadline = session.elapsed() + _PATIENCE_S
    see_to_it = session.elapsed() + _ENSEMBLE_EVERY_S
    while reason := _lacks(leader, layout, wanted):
        for daemon in wanted.daemons:
            if living(layout.pidfile(daemon.name)) is None:
                log = layout.logfile(daemon.name)
                words = wanted.words_of(log)
                why = f"{words} (log: {log})" if words else f"The end of {log}:\n{last_lines(log)}"
                raise Failure(exits.FAILED, f"{daemon.name} has died. {why}")
        if wanted.ensemble and session.elapsed() > see_to_it:
            try:
                check(wanted.ensemble)
            except EnsembleFailure as failure:
                raise Failure(failure.code, f"{reason}. {failure}") from failure
            see_to_it = session.elapsed() + _ENSEMBLE_EVERY_S
        if session.elapsed() > deadline:
            raise Failure(
                exits.TIMED_OUT, f"not up after {_PATIENCE_S:g} s: {reason}. Logs: {layout.log}"
            )
        session.sleep(_POLL_S)
    leader.close()


def _lacks(leader: Leader, layout: Layout, wanted: _Wanted) -> str:
    """What is still missing, and why the master may not see to it; empty: nothing."""
    try:
        listed = leader.ask(lambda master: master.list_agents(ListAgentsRequest())).agents
        status = leader.ask(lambda master: master.get_status(GetStatusRequest()))
    except (Unreachable, GalaxyError) as error:
        if isinstance(error, GalaxyError) and error.status == pb.kUnfit:
            raise Failure(exits.FAILED, str(error)) from error  # it leads, and cannot begin
        return str(error)
    lacks = _lacks_of(listed, status, layout, wanted)
    return f"{lacks}; no master decides: {status.doubt}" if lacks and status.doubt else lacks


def _lacks_of(
    listed: Iterable[AgentOverview], status: GetStatusResponse, layout: Layout, wanted: _Wanted
) -> str:
    alive = {
        agent.endpoint
        for agent in listed
        if agent.state in (pb.kAlive, pb.kOffline) and agent.heartbeat_time >= wanted.since
    }
    for number, agent in enumerate(wanted.agents):
        if agent.endpoint in status.strangers:
            raise Failure(
                exits.FAILED,
                f"agent-{number} has pods of another cluster than {status.cluster}, which this"
                ' nexus is of: see "Agents of another cluster" in docs/operations.md',
            )
        if agent.endpoint not in alive:
            return f"agent-{number} has not reported"
        if living(layout.pidfile(f"gce-{number}")) is None:
            words = wanted.words_of(layout.logfile(f"gce-{number}"))
            return f"gce-{number} does not run" + (f": {words}" if words else "")
    if status.safe_mode and not status.safe_mode_by_hand:
        return f"the master is in safe mode: {status.safe_mode_reason}"
    return ""
