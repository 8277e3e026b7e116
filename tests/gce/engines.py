"""Real engines for the functional tests, and what they need of the machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from galaxy.gce.containment import find_cgroups
from galaxy.gce.options import Options
from galaxy.gce.run import make_supervisor
from galaxy.gce.service import GceService
from galaxy.protocol.gce_pb2 import RemoveRequest, UsageRequest
from tests.gce.contract import NO_CALL

CGROUP = f"galaxy-test-{os.getpid()}"


def why_no_cgroups() -> str | None:
    """Why control groups cannot be tested here; None: they can."""
    cgroups = find_cgroups(CGROUP)
    cgroups.close()
    return None if cgroups.isolation != "none" else f"no control groups: {cgroups.reason}"


def temporary_directory(test: TestCase) -> Path:
    """A directory that every user may enter, and that goes with the test."""
    directory = Path(tempfile.mkdtemp(prefix="galaxy-gce-"))
    directory.chmod(0o755)
    test.addCleanup(shutil.rmtree, directory)
    return directory


def options(directory: Path, cgroup: str) -> Options:
    """The options of an engine that lives in a directory."""
    return Options(
        socket=str(directory / "socket"),
        directory=directory / "gce",
        cgroup=cgroup,
        pidfile=directory / "pid",
        log=directory / "log",
    )


async def engine_in(test: TestCase, directory: Path, cgroup: str) -> GceService:
    """An engine with real processes, in this process; it is emptied when the test ends."""
    supervisor = make_supervisor(reactor, options(directory, cgroup), None)
    await supervisor.start()
    service = GceService(supervisor, cast("Any", reactor), "test")

    async def leave() -> None:
        for usage in (await service.usage(UsageRequest(), NO_CALL)).usages:
            await service.remove(RemoveRequest(container=usage.container), NO_CALL)
        supervisor.stop()

    test.addCleanup(lambda: Deferred.fromCoroutine(leave()))
    return service
