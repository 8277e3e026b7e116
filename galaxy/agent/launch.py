"""
How a process of a task is started: command, environment, directory, limits. Pure.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from attrs import frozen

from galaxy import names
from galaxy.agent.disks import Mounted
from galaxy.agent.health import DEFAULT_TIMEOUT_S
from galaxy.agent.outputs import Output
from galaxy.agent.records import Pod
from galaxy.agent.steps import Execute
from galaxy.agent.tasks import STOP_PROCESS
from galaxy.protocol.agent_pb2 import Description
from galaxy.protocol.gce_pb2 import ExecuteRequest, Limits
from galaxy.protocol.types_pb2 import (
    Resource,
    TaskDescriptor,
    kCpuIsolationSoft,
    kSourceTypeCommand,
)

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOT_IN_A_NAME = re.compile(r"[^A-Z0-9_]")


@frozen
class Places:
    """Where the files of one pod are: `<pods>/<pod>.<incarnation>/<task number>/`."""

    directory: Path

    def workspace(self, number: int) -> Path:
        """The working directory of a task; it belongs to the task's user."""
        return self.directory / str(number)

    def output(self, number: int, incarnation: int, process: str, *, stderr: bool) -> Path:
        """The file that the output of one process of a task is appended to."""
        return self.directory / Output(number, incarnation, process, stderr).name

    def health(self, number: int) -> Path:
        """What the last health check of a task wrote."""
        return self.directory / f"{number}.health"

    def numbers(self) -> list[int]:
        """The numbers of the tasks that have left something here."""
        if not self.directory.is_dir():
            return []
        return sorted(int(path.name) for path in self.directory.iterdir() if path.name.isdigit())


@frozen
class Launcher:
    """
    What all starts on this machine have in common: the endpoint of the agent (which
    is known once it listens), the command that unpacks, and what pods have of disks.
    """

    agent: Callable[[], str]
    unpack: tuple[str, ...]
    mounted: Callable[[Pod, Resource], Sequence[Mounted]] = lambda _pod, _asked: ()

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
        request = ExecuteRequest(
            container=pod.key.container(number),
            name=step.name,
            envs=environment(
                pod,
                description,
                number,
                workspace,
                self.agent(),
                mounted=self.mounted(pod, description.pod.requirement),
            ),
            cwd=workspace,
            user=pod.user,
            stdout_path=str(output(stderr=False)),
            stderr_path=str(output(stderr=True)),
            limits=_limits(task),
        )
        if step.name == STOP_PROCESS:
            request.command = task.stop_command
        elif step.name.startswith("main."):
            request.command = task.start_command
        elif step.name.startswith("health."):
            longest_s = task.health.timeout_s or DEFAULT_TIMEOUT_S
            request.command = _bounded(task.health.command, longest_s)
            request.stdout_path = request.stderr_path = str(places.health(number))
        elif task.source_type == kSourceTypeCommand:
            request.command = task.binary.decode("utf-8", "replace")
        else:
            # Started with the engine's rights: it shuts itself in, and then takes the user's.
            most_bytes = task.requirement.workspace or description.pod.requirement.workspace
            request.command = self._unpack_command(archive, workspace, most_bytes, pod.user)
            request.user = ""
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
    mounted: Sequence[Mounted] = (),
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
        **{each.variable: each.source for each in mounted},
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


def _limits(task: TaskDescriptor) -> Limits:
    return Limits(
        millicores=task.requirement.millicores,
        memory=task.requirement.memory,
        cpu_isolation_type=task.cpu_isolation_type,
    )
