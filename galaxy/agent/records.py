"""
What the agent remembers of its pods: frozen values, written down as JSON.

A record holds what cannot be observed again: which attempt is meant to run,
how often it failed, what was ordered. What can be observed (is the process
alive, with which pid) stays with gce, and is only noted here for people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from signal import SIGKILL
from typing import Any

from attrs import asdict, evolve, fields, frozen

from galaxy.names import pod_id


class Phase(Enum):
    """Where a task stands. The table of moves is in `galaxy.agent.moves`."""

    NEW = "new"  # accepted, nothing begun
    FETCHING = "fetching"  # waits for its package
    DEPLOYING = "deploying"  # the package is unpacked, or the deploy command runs
    RETRYING = "retrying"  # waits before it tries to deploy again
    RUNNING = "running"  # its main process is wanted
    WAITING = "waiting"  # waits before its main process is started again
    FINISHED = "finished"  # ended as it should
    FAILED = "failed"  # given up on this machine
    STOPPING = "stopping"  # its stop command runs
    KILLING = "killing"  # TERM, and then KILL, to all that is left
    REMOVING = "removing"  # its container is being taken away
    GONE = "gone"  # nothing of it is left


@frozen(order=True)
class PodKey:
    """One attempt at a slot."""

    job_id: str
    index: int
    incarnation: int

    @property
    def pod_id(self) -> str:
        """The id of the slot."""
        return pod_id(self.job_id, self.index)

    @property
    def name(self) -> str:
        """What its directory is called; its containers' names begin with it."""
        return f"{self.pod_id}.{self.incarnation}"

    def container(self, number: int) -> str:
        """The name of the container of one of its tasks."""
        return f"{self.name}.{number}"


@frozen
class End:
    """
    How a process ended: by itself, by a signal, or without ever running; or why that is
    not known (`failure`, for both).

    `said`: the last lines that it wrote to stderr, where it ended badly.
    """

    exit_code: int = 0
    signal: int = 0
    oom_killed: bool = False
    time: float = 0.0
    failure: str = ""
    said: tuple[str, ...] = ()
    core_dumped: bool = False

    @property
    def well(self) -> bool:
        """Whether it did what it was for."""
        return not (self.exit_code or self.signal or self.failure)

    @property
    def ran(self) -> bool:
        """Whether there was a process at all, so that there is a code or a signal."""
        return not self.failure or bool(self.exit_code or self.signal)

    def __str__(self) -> str:
        if self.failure:
            return self.failure
        much = "it used more memory than it was granted"
        if self.oom_killed and self.signal == SIGKILL:
            return f"was killed: {much}"
        told = f"exited with {self.exit_code}"
        if self.signal:
            told = f"was killed by signal {self.signal}{' and dumped core' * self.core_dumped}"
        return told + f"; what it began was killed: {much}" * self.oom_killed


@frozen
class Task:
    """
    One task of a pod.

    `tries` and `attempt` number the processes "deploy.N" and "main.N"; `seen`
    says that the one of the phase was observed alive, so that its absence
    means it is lost, and not that it has yet to be started. `streak` counts
    restarts without a quiet time between them, `restarts` all of them. Of the
    present attempt `passed` says that its health check does, and `unwell` why its
    process is to be ended: for its health's sake, or because it deploys for too long.
    """

    phase: Phase = Phase.NEW
    tries: int = 0
    attempt: int = 0
    seen: bool = False
    restarts: int = 0
    streak: int = 0
    next_try: float = 0.0
    swept: bool = True  # nothing of an earlier attempt is left in the container
    stop_deadline: float = 0.0
    deploy_time: float = 0.0
    start_time: float = 0.0
    end: End | None = None
    reason: str = ""
    passed: bool = False
    unwell: str = ""
    deploy_deadline: float = 0.0  # of the present try, fetching included

    @property
    def at_rest(self) -> bool:
        """Whether no process of it is wanted or can be alive (but for stray children)."""
        return self.phase in _AT_REST


_AT_REST = frozenset(
    {
        Phase.NEW,
        Phase.FETCHING,
        Phase.RETRYING,
        Phase.WAITING,
        Phase.FINISHED,
        Phase.FAILED,
        Phase.GONE,
    }
)


@frozen
class Pod:
    """
    One attempt at a slot, as it was accepted, and how far its tasks have come.

    `ports` are those granted, in the order of the requirement: name ("" for an
    unnamed one) and number; `disks` those that its volumes are on, in their order.
    `excess` says what it holds beyond what it may, once it is given up for that.
    `stop_reason` is set once it is to go. `follows` is the incarnation that has to be
    gone before anything of this one is begun (0: none), `first` the one whose directory
    it took over (0: it has its own).
    """

    key: PodKey
    version: str
    user: str
    accept_time: float
    tasks: tuple[Task, ...]
    ports: tuple[tuple[str, int], ...] = ()
    stop_time: float = 0.0
    stop_reason: str | None = None
    generation: int = 0  # the master's, told back to it
    follows: int = 0
    first: int = 0
    disks: tuple[str, ...] = ()
    excess: str = ""

    @property
    def home(self) -> PodKey:
        """The attempt whose directory this one lives in."""
        return evolve(self.key, incarnation=self.first or self.key.incarnation)

    @property
    def predecessor(self) -> PodKey | None:
        """The attempt that has to be gone before this one is begun."""
        return evolve(self.key, incarnation=self.follows) if self.follows else None


def encode_pod(pod: Pod) -> bytes:
    """A pod as it is written to disk."""
    table = asdict(pod, value_serializer=_plain)
    return json.dumps(table, separators=(",", ":")).encode()


def decode_pod(data: bytes) -> Pod:
    """
    A pod as it was written, by this release or one next to it; ValueError, KeyError or
    TypeError if it is none.

    What an earlier release did not write is as by default; what a later one wrote besides
    is passed over.
    """
    table = json.loads(data)
    return Pod(
        **{
            **_known(Pod, table),
            "key": PodKey(**_known(PodKey, table["key"])),
            "ports": tuple((name, number) for name, number in table.get("ports", ())),
            "disks": tuple(table.get("disks", ())),
            "tasks": tuple(_decode_task(item) for item in table["tasks"]),
        }
    )


def _decode_task(table: dict[str, Any]) -> Task:
    end = table.get("end")
    return Task(
        **{
            **_known(Task, table),
            "phase": Phase(table["phase"]),
            "end": None if end is None else _decode_end(end),
        }
    )


def _decode_end(table: dict[str, Any]) -> End:
    said = table.get("said", ())
    # A release before this one kept one line.
    lines = tuple(line for line in [said] if line) if isinstance(said, str) else tuple(said)
    return End(**{**_known(End, table), "said": lines})


def _known(kind: type[Any], table: Mapping[str, Any]) -> dict[str, Any]:
    return {each.name: table[each.name] for each in fields(kind) if each.name in table}


def _plain(_owner: object, _field: object, value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
