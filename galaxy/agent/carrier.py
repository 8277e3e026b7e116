"""
Carries out one step of one task: fetching, starting, stopping, removing.
"""

from __future__ import annotations

from attrs import evolve, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from galaxy.agent.containers import IContainers
from galaxy.agent.delivery.artifacts import Artifacts
from galaxy.agent.delivery.fetch import FetchError
from galaxy.agent.delivery.packages import package_of
from galaxy.agent.launch import Launcher
from galaxy.agent.records import Pod
from galaxy.agent.remains.evidence import last_lines
from galaxy.agent.specs import Deploying, PodSpec, deploying_of
from galaxy.agent.steps import (
    Done,
    Execute,
    Failed,
    Fetch,
    Outcome,
    Process,
    Remove,
    Step,
    Stop,
    Sweep,
)
from galaxy.agent.storage.volumes import Volumes
from galaxy.agent.workspaces import Workspaces
from galaxy.protocol.agent_pb2 import Description
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kBusy, kCancelled, kDeadline, kRpcError

LEAST_GRACE_S = 1.0
_NOT_KNOWN = frozenset({kRpcError, kDeadline, kCancelled, kBusy})

_log = Logger()


@frozen
class Carrier:
    """What steps are carried out with."""

    containers: IContainers
    artifacts: Artifacts
    workspaces: Workspaces
    launcher: Launcher
    volumes: Volumes
    clock: IReactorTime

    async def carry_out(
        self, pod: Pod, description: Description, spec: PodSpec, step: Step
    ) -> Outcome | None:
        """Do it; what came of it. None: that is not known, it is to be done again."""
        try:
            match step:
                case Fetch(number=number):
                    task = description.pod.tasks[number]
                    again = pod.tasks[number].tries > 1  # perhaps what is there is to blame
                    most = self.volumes.directory_bytes(description.pod.requirement)
                    package = package_of(task, pod.version)
                    await self.artifacts.fetch(package, most, doubted=again)
                case Execute():
                    return await self._execute(pod, description, step)
                case Sweep(number=number):
                    grace_s = spec.tasks[number].stop_timeout_s
                    await self.containers.stop(pod.key.container(number), grace_s)
                case Stop(number=number, deadline=deadline):
                    grace_s = max(LEAST_GRACE_S, deadline - self.clock.seconds())
                    await self.containers.stop(pod.key.container(number), grace_s)
                case Remove(number=number):
                    await self.containers.remove(pod.key.container(number))
        except FetchError as error:
            return Failed(f"could not be deployed: {error.reason}", error.final)
        except GalaxyError as error:
            if error.status not in _NOT_KNOWN:
                _log.error("{step} of {pod}: {error}", step=step, pod=pod.key.name, error=error)
            return None
        return Done()

    def with_evidence(self, pod: Pod, number: int, name: str, process: Process) -> Process:
        """A process that ended badly, with the last that it said on stderr."""
        end = process.end
        if end is None or end.well or end.failure:
            return process
        places = self.workspaces.places(pod.home)
        path = places.output(number, pod.key.incarnation, name, stderr=True)
        return evolve(process, end=evolve(end, said=last_lines(path)))

    async def _execute(self, pod: Pod, description: Description, step: Execute) -> Outcome | None:
        task = description.pod.tasks[step.number]
        deploys = step.name.startswith("deploy.")
        archive = None
        if deploys and deploying_of(task) is Deploying.PACKAGE:
            archive = self.artifacts.path(package_of(task, pod.version))
            if archive is None:
                return Failed("its package is no longer in the cache")
        try:
            self.volumes.make(pod, description.pod.requirement)
            self.workspaces.make(pod.home, step.number, pod.user)
        except KeyError:
            return Failed(f"this machine has no account {pod.user!r}")
        except OSError as error:
            return Failed(f"has no directory: {error}")
        places = self.workspaces.places(pod.home)
        request = self.launcher.request(pod, description, step, places, archive)
        try:
            await self.containers.execute(request)
        except GalaxyError as error:
            return None if error.status in _NOT_KNOWN else Failed(error.reason)
        return Done()
