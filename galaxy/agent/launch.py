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
from galaxy.agent.tasks import STOP_PROCESS, main_name
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
        number = step.number
        task = description.pod.tasks[number]
        workspace = str(places.workspace(number))
        output = partial(places.output, number, pod.key.incarnation, step.name)
        mounted, boxes = self.mounted(pod, description.pod.requirement), self.boxes()
        box = None
        if boxes is not None:
            box = boxes.box(description.pod, pod.key.pod_id, number, places, mounted)
        request = ExecuteRequest(
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
            limits=_limits(task, description.pod.requirement.tmpfs.size),
            seccomp=task.seccomp,
            box=box,
        )
        if step.name == STOP_PROCESS:
            request.command = task.stop_command
            request.join = main_name(pod.tasks[number])
        elif step.name.startswith("main."):
            request.command = task.start_command
        elif step.name.startswith("health."):
            request.join = main_name(pod.tasks[number])
            longest_s = task.health.timeout_s or DEFAULT_TIMEOUT_S
            request.command = _bounded(task.health.command, longest_s)
            request.stdout_path = request.stderr_path = str(places.health(number))
        elif task.source_type == kSourceTypeCommand:
            request.command = task.binary.decode("utf-8", "replace")
        else:
            # Started with the engine's rights: it shuts itself in, and then takes the user's.
            most_bytes = description.pod.requirement.workspace or self.workspace_bytes
            request.command = self._unpack_command(archive, workspace, most_bytes, pod.user)
            request.user = ""
            request.ClearField("box")
            # It is our program, not the task's, and is over soon: it has the task's weight, and
            # what is idle. Within a small quota the start of the interpreter alone takes long.
            request.limits.cpu_isolation_type = kCpuIsolationSoft
        return request

    def _unpack_command(
        self, archive: Path | None, workspace: str, most_bytes: int, user: str
    ) -> str:
        assert archive is not None
        chosen = [user] if user else []
        arguments = [str(archive), workspace, str(most_bytes), *chosen]
        return "exec " + shlex.join([*self.unpack, *arguments])


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
