"""
How a process of a task is started: command, environment, directory, limits. Pure.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from attrs import frozen

from galaxy import names
from galaxy.agent.boxes import Boxes
from galaxy.agent.health import DEFAULT_TIMEOUT_S
from galaxy.agent.places import Places
from galaxy.agent.records import Pod
from galaxy.agent.steps import Execute
from galaxy.agent.storage.disks import Mounted
from galaxy.agent.tasks import main_name
from galaxy.protocol.agent_pb2 import Description
from galaxy.protocol.gce_pb2 import ExecuteRequest, Limits
from galaxy.protocol.types_pb2 import (
    Resource,
    TaskDescriptor,
    kCpuIsolationSoft,
    kSourceTypeCommand,
)

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOTHING: Mapping[str, str] = {}
_NOT_IN_A_NAME = re.compile(r"[^A-Z0-9_]")


@frozen
class Launcher:
    """
    What all starts on this machine have in common: the endpoint of the agent (which
    is known once it listens), the command that unpacks, what tasks see, if the engine can
    see to that, what pods have of disks, and what a workspace may hold by default.
    """

    agent: Callable[[], str]
    unpack: tuple[str, ...]
    boxes: Callable[[], Boxes | None]
    mounted: Callable[[Pod, Resource], Sequence[Mounted]] = lambda _pod, _asked: ()
    workspace_bytes: int = 0

    def request(
        self,
        pod: Pod,
        description: Description,
        step: Execute,
        places: Places,
        archive: Path | None,
    ) -> ExecuteRequest:
        """
        The start of a process of a task: "deploy.N", "main.N", "health.N" or "stop".

        `archive` is where the task's package is in the cache; only a deployment asks.
        """
        task, main = description.pod.tasks[step.number], main_name(pod.tasks[step.number])
        request = self._of_task(pod, description, step, places)
        match step.name.partition(".")[0]:
            case "main":
                request.command = task.start_command
            case "stop":
                request.command, request.join = task.stop_command, main
            case "health":
                longest_s = task.health.timeout_s or DEFAULT_TIMEOUT_S
                request.command, request.join = _bounded(task.health.command, longest_s), main
                request.stdout_path = request.stderr_path = str(places.health(step.number))
            case _ if task.source_type == kSourceTypeCommand:
                request.command = task.binary.decode("utf-8", "replace")
            case _:
                self._unpack(request, archive, description.pod.requirement.workspace)
        return request

    def _of_task(
        self, pod: Pod, description: Description, step: Execute, places: Places
    ) -> ExecuteRequest:
        """What all processes of a task have."""
        number, asked = step.number, description.pod.requirement
        task, workspace = description.pod.tasks[number], str(places.workspace(number))
        output = partial(places.output, number, pod.key.incarnation, step.name)
        mounted, boxes = self.mounted(pod, asked), self.boxes()
        box = None
        if boxes is not None:
            box = boxes.box(description.pod, pod.key.pod_id, number, places, mounted)
        return ExecuteRequest(
            container=pod.key.container(number),
            name=step.name,
            envs=environment(
                pod,
                description,
                number,
                workspace,
                self.agent(),
                more={each.variable: each.target if box else each.source for each in mounted},
            ),
            cwd=workspace,
            user=pod.user,
            stdout_path=str(output(stderr=False)),
            stderr_path=str(output(stderr=True)),
            limits=_limits(task, asked.tmpfs.size),
            seccomp=task.seccomp,
            box=box,
        )

    def _unpack(self, request: ExecuteRequest, archive: Path | None, most_bytes: int) -> None:
        """
        Have our own program unpack the archive into the task's workspace.

        It is started with the engine's rights, shuts itself in, and then takes the user's. It is
        over soon: it has the task's weight, and what is idle. Within a small quota the start of
        the interpreter alone takes long.
        """
        assert archive is not None
        chosen = [request.user] if request.user else []
        bound = str(most_bytes or self.workspace_bytes)
        arguments = [*self.unpack, str(archive), request.cwd, bound, *chosen]
        request.command = "exec " + shlex.join(arguments)
        request.user = ""
        request.ClearField("box")
        request.limits.cpu_isolation_type = kCpuIsolationSoft


def _bounded(command: str, longest_s: float) -> str:
    """A command that is ended, with all that it began, when it takes too long."""
    return "exec " + shlex.join(["timeout", "-k", "1", f"{longest_s:g}", "/bin/sh", "-c", command])


def environment(
    pod: Pod,
    description: Description,
    number: int,
    workspace: str,
    agent: str,
    *,
    more: Mapping[str, str] = _NOTHING,
) -> list[str]:
    """The whole environment of a task's processes; what the user set comes last and wins."""
    pod_id = pod.key.pod_id
    task_id = names.task_id(pod_id, number)
    table = {
        "PATH": PATH,
        "HOME": workspace,
        "GALAXY_JOB_ID": pod.key.job_id,
        "GALAXY_JOB_NAME": description.job_name,
        "GALAXY_POD_ID": pod_id,
        "GALAXY_POD_INDEX": str(pod.key.index),
        "GALAXY_POD_INCARNATION": str(pod.key.incarnation),
        "GALAXY_TASK_ID": task_id,
        "GALAXY_VERSION": pod.version,
        "GALAXY_AGENT": agent,
        "POD_ID": pod_id,
        "TASK_ID": task_id,
        "POD_VERSION": pod.version,
        **_port_variables(pod.ports),
        **more,
    }
    for setting in description.pod.tasks[number].envs:
        name, equals, value = setting.partition("=")
        if name and equals:
            table[name] = value
    return [f"{name}={value}" for name, value in table.items()]


def _port_variables(ports: Sequence[tuple[str, int]]) -> dict[str, str]:
    """Each port by its position, and by its name where it has one."""
    by_position = {f"GALAXY_PORT_{place}": str(number) for place, (_, number) in enumerate(ports)}
    by_name = {
        f"GALAXY_PORT_{_NOT_IN_A_NAME.sub('_', name.upper())}": str(number)
        for name, number in ports
        if name
    }
    return {**by_position, **by_name}


def _limits(task: TaskDescriptor, tmpfs_bytes: int) -> Limits:
    """Files in memory count with whoever wrote them first, which may be any of the tasks."""
    asked = task.requirement
    return Limits(
        millicores=asked.millicores,
        memory=asked.memory + tmpfs_bytes,
        cpu_isolation_type=task.cpu_isolation_type,
        pids=asked.pids,
        cpuset=asked.cpuset,
        read_bytes_ps=asked.read_bytes_ps,
        write_bytes_ps=asked.write_bytes_ps,
        read_io_ps=asked.read_io_ps,
        write_io_ps=asked.write_io_ps,
        io_weight=asked.io_weight,
    )
