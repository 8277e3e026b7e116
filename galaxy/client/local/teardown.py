"""
`galaxy down`, told from beginning to end.

First those who would start something anew (masters, schedulers, agents), then,
through gce, what they had started, then gce. The data stays: jobs that the
nexus knows run again after the next `up`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

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
    left: list[str] = []
    if not keep_tasks:
        for engine in engines:
            left += _empty(session, engine)
    # One that an agent started while it was being stopped is found now.
    engines = [d for name, d in running(layout.run).items() if name.startswith("gce-")]
    stop(engines, _DAEMON_GRACE_S)
    if not keep_tasks:
        left = _sweep(layout)
    stopped = sorted({*daemons, *(engine.name for engine in engines)})
    for pidfile in layout.run.glob("*.pid"):
        pidfile.unlink(missing_ok=True)
    return stopped, left


def _empty(session: Session, engine: Running) -> list[str]:
    """Ask a gce to stop and remove all it runs; what it said against it."""
    address = f"unix:{engine.option('--socket')}"
    try:
        with closing(session.dial(address)) as peer:
            first: ProcessChange = next(BlockingGceStub(peer).watch(WatchRequest()))
    except (GalaxyError, StopIteration) as error:
        return [f"{engine.name}: {error}"]
    containers = sorted({process.container for process in first.processes})
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda name: _remove(session, address, name), containers)
        return [answer for answer in answers if answer]


def _remove(session: Session, address: str, container: str) -> str:
    try:
        with closing(session.dial(address)) as peer:
            gce = BlockingGceStub(peer)
            request = StopRequest(container=container, grace_s=_TASK_GRACE_S)
            gce.stop(request, deadline_s=_TASK_GRACE_S + 10)
            gce.remove(RemoveRequest(container=container), deadline_s=30.0)
    except GalaxyError as error:
        return f"{container}: {error}"
    return ""


def _sweep(layout: Layout) -> list[str]:
    """What no daemon could clean up, or none was there to."""
    kill_processes(layout)
    mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    left: Iterable[object] = [*remove_groups(layout, mountinfo), *unmount(layout, mountinfo)]
    elsewhere = Path(tempfile.gettempdir()) / layout.name
    if elsewhere.is_dir():
        shutil.rmtree(elsewhere)
    return [str(each) for each in left]
