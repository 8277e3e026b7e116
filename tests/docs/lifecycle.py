"""
docs/lifecycle.md, made from the tables that the daemons go by.

    python -m tests.docs.lifecycle      writes the page

It stands with the tests because it looks at master and agent together, which no
part of Galaxy may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import TypeVar

from galaxy.agent import moves as agent_moves
from galaxy.agent.records import Phase
from galaxy.master.fleet import AGENT_STATES
from galaxy.master.jobs import JOB_STATES
from galaxy.master.pods import MEANINGS, STAGES
from galaxy.master.rollout import UPDATE_STATES
from galaxy.protocol.types_pb2 import (
    AgentState,
    JobState,
    JobUpdateState,
    PodStage,
    kAgentStateUnset,
    kJobNormal,
    kStagePending,
    kStageUnset,
)

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"

S = TypeVar("S", bound=int)

Arrow = tuple[str, str, str]
"""From, to, and why; "[*]" is what was before the beginning, or comes after the end."""

HEAD = """\
# The life of jobs, pods, tasks and machines

This page is made from the tables in the code: `python -m tests.docs.lifecycle` writes it again.
What a table does not name cannot happen: whoever tries it gets an error that names both ends.

"""

JOBS = """\
## A job

The state of a job is written to the nexus before it is so. Its name is its own while it is
`kJobNormal` or `kJobSuspended`. An ended job (`kJobFinished`, `kJobFailed`) is kept for a while
to be looked at; a terminated one until the last of its pods is gone. Table: `JOB_STATES` in
`galaxy/master/jobs.py`.

"""

UPDATES = """\
## An update of a job

`kUpdateNormal`: pods are taken to the wanted version, as many at a time as `deploy_step`
allows, and the next only when those are healthy. `kUpdateSuspend`: it is held, by hand, at a
breakpoint, or because a pod did not get healthy in time. `kUpdateReverting`: the same, but the
job wants to be taken back by itself. A rolling restart is an update to the same version. Table:
`UPDATE_STATES` in `galaxy/master/rollout.py`; which pods move when: `galaxy/master/moves.py`;
what becomes of an update by itself: `galaxy/master/progress.py`.

"""

PODS = """\
## A pod, as the master sees it

A pod is a slot of a job. It is on a machine in the stages Running, Death, Removed and Finished,
and leaves them only when nothing of it is left there. Table: `STAGES` in
`galaxy/master/pods.py`.

"""

TASKS = """\
## A task, on its machine

Each arrow is written down before it is carried out, so that a killed agent goes on where it
was. Table: `MOVES` in `galaxy/agent/moves.py`.

"""

AGENTS = """\
## A machine, as the master sees it

`kInit`: known from the nexus, not heard of in this reign. `kOffline` is an operator's word, and
stays until an operator takes it back. Table: `AGENT_STATES` in `galaxy/master/fleet.py`.

"""


def page() -> str:
    """The whole page."""
    jobs = [("[*]", JobState.Name(kJobNormal), "submitted"), *_followers(JOB_STATES, JobState.Name)]
    updates = [("[*]", "kUpdateNone", ""), *_followers(UPDATE_STATES, JobUpdateState.Name)]
    agents = [
        (
            "[*]" if before == kAgentStateUnset else AgentState.Name(before),
            AgentState.Name(after),
            "",
        )
        for before, followers in AGENT_STATES.items()
        for after in sorted(followers)
    ]
    return (
        "".join(
            (
                HEAD,
                JOBS,
                _drawing(jobs),
                UPDATES,
                _drawing(updates),
                PODS,
                _drawing(_pod_arrows()),
                _words((event.name, MEANINGS[event]) for event in MEANINGS),
                TASKS,
                _drawing(_task_arrows()),
                _words((event.name, event.value) for event in agent_moves.Event),
                AGENTS,
                _drawing(agents),
            )
        ).rstrip("\n")
        + "\n"
    )


def _followers(table: Mapping[S, Iterable[S]], name: Callable[[S], str]) -> list[Arrow]:
    return [
        (name(before), name(after), "")
        for before, followers in table.items()
        for after in sorted(followers)
    ]


def _pod_arrows() -> list[Arrow]:
    def name(stage: PodStage) -> str:
        return "[*]" if stage == kStageUnset else PodStage.Name(stage)

    arrows = [("[*]", PodStage.Name(kStagePending), "the job wants it")]
    arrows += [(name(before), name(after), event.name) for (before, event), after in STAGES.items()]
    return arrows


def _task_arrows() -> list[Arrow]:
    def name(phase: Enum) -> str:
        return "[*]" if phase is Phase.GONE else phase.name.lower()

    arrows = [("[*]", name(Phase.NEW), "its pod was taken")]
    arrows += [
        (name(before), name(after), event.name)
        for (before, event), after in agent_moves.MOVES.items()
    ]
    return arrows


def _drawing(arrows: Iterable[Arrow]) -> str:
    lines = [f"    {a} --> {b}{': ' + why if why else ''}" for a, b, why in arrows]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```", "", ""])


def _words(rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| `{name}` | {meaning} |" for name, meaning in rows]
    return "\n".join(["| event | |", "|---|---|", *lines, "", ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
