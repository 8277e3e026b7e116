"""
`galaxy down`, told from beginning to end.

First those who would start something anew (masters, schedulers, agents), then,
through gce, what they had started, then gce. The data stays: jobs that the
nexus knows run again after the next `up`.
"""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from galaxy.client.command import told
from galaxy.client.local.plan import Layout
from galaxy.client.local.processes import Running, running, stop
from galaxy.client.local.remains import kill_processes, remove_groups, unmount
from galaxy.client.session import Session
from galaxy.protocol.gce_pb2 import ProcessChange, RemoveRequest, StopRequest, WatchRequest
from galaxy.protocol.services import BlockingGceStub
from galaxy.protocol.statuses import GalaxyError

_DAEMON_GRACE_S = 15.0
_TASK_GRACE_S = 5.0
_AT_ONCE = 16


def take_down(session: Session, layout: Layout, *, keep_tasks: bool) -> tuple[list[str], list[str]]:
    """Stop the cluster; the daemons that were stopped, and what could not be cleaned up."""
    daemons = running(layout.run)
    engines = [daemon for name, daemon in daemons.items() if name.startswith("gce-")]
    others = [daemon for daemon in daemons.values() if daemon not in engines]
    stop(others, _DAEMON_GRACE_S)
    if not keep_tasks:
        for engine in engines:
            _empty(session, engine)
    # One that an agent started while it was being stopped is found now.
    engines = [d for name, d in running(layout.run).items() if name.startswith("gce-")]
    stop(engines, _DAEMON_GRACE_S)
    left = [] if keep_tasks else _sweep(layout)
    stopped = sorted({*daemons, *(engine.name for engine in engines)})
    for pidfile in layout.run.glob("*.pid"):
        pidfile.unlink(missing_ok=True)
    return stopped, left


def _empty(session: Session, engine: Running) -> None:
    """
    Ask a gce to stop and remove all it runs, so that tasks get their SIGTERM.

    What it does not answer for is swept up afterwards.
    """
    address = f"unix:{engine.option('--socket')}"
    try:
        with closing(session.dial(address)) as peer:
            first: ProcessChange = next(BlockingGceStub(peer).watch(WatchRequest()))
    except (GalaxyError, StopIteration) as error:
        told(f"galaxy: {engine.name} does not say what it runs: {error}")
        return
    containers = sorted({process.container for process in first.processes})
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda name: _remove(session, address, name), containers))


def _remove(session: Session, address: str, container: str) -> None:
    try:
        with closing(session.dial(address)) as peer:
            gce = BlockingGceStub(peer)
            request = StopRequest(container=container, grace_s=_TASK_GRACE_S)
            gce.stop(request, deadline_s=_TASK_GRACE_S + 10)
            gce.remove(RemoveRequest(container=container), deadline_s=30.0)
    except GalaxyError as error:
        told(f"galaxy: {container} is not stopped in good order: {error}")


def _sweep(layout: Layout) -> list[str]:
    """What no daemon could clean up, or none was there to."""
    processes = [f"process {pid}" for pid in kill_processes(layout)]
    mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    groups = [str(group) for group in remove_groups(layout, mountinfo)]
    mounts = unmount(layout, mountinfo)
    elsewhere = Path(tempfile.gettempdir()) / layout.name
    if elsewhere.is_dir():
        shutil.rmtree(elsewhere)
    return [*processes, *groups, *mounts]
