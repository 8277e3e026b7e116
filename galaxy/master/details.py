"""
What agents say of single pods, asked for when somebody looks.

The master keeps no task's data: who shows pods asks the agents that have them,
a bounded number at a time, and names those that did not answer.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore
from twisted.logger import Logger

from galaxy import names
from galaxy.master.agents import Agent
from galaxy.master.lines import Lines
from galaxy.master.pods import Pod
from galaxy.protocol.agent_pb2 import PodStatus, ShowPodsRequest, ShowPodsResponse
from galaxy.protocol.statuses import GalaxyError

IN_FLIGHT = 32
DEADLINE_S = 3.0

_log = Logger()


@frozen
class Details:
    """What agents said, by pod and incarnation; and who said nothing."""

    statuses: dict[tuple[str, int], PodStatus]
    silent: tuple[str, ...]

    def of(self, pod: Pod) -> PodStatus | None:
        """What was said of a pod's present attempt."""
        return self.statuses.get((names.pod_id(pod.job.job_id, pod.index), pod.incarnation))


async def ask(lines: Lines, pods: Iterable[Pod]) -> Details:
    """What the agents that have these pods say of them."""
    asked: dict[Agent, list[str]] = {}
    for pod in pods:
        if pod.agent is not None:
            asked.setdefault(pod.agent, []).append(names.pod_id(pod.job.job_id, pod.index))
    permits = DeferredSemaphore(IN_FLIGHT)
    answers = await DeferredList(
        [permits.run(_ask_one, lines, agent, pod_ids) for agent, pod_ids in asked.items()],
        fireOnOneErrback=True,
    )
    statuses: dict[tuple[str, int], PodStatus] = {}
    silent = []
    for agent, (_, answer) in zip(asked, answers, strict=True):
        if answer is None:
            silent.append(agent.endpoint)
        else:
            statuses.update(((each.pod_id, each.incarnation), each) for each in answer.pods)
    return Details(statuses, tuple(sorted(silent)))


def _ask_one(lines: Lines, agent: Agent, pod_ids: list[str]) -> Deferred[ShowPodsResponse | None]:
    return Deferred.fromCoroutine(_answer(lines, agent, pod_ids))


async def _answer(lines: Lines, agent: Agent, pod_ids: list[str]) -> ShowPodsResponse | None:
    stub = lines.stub(agent)
    if stub is None:
        return None
    try:
        return await stub.show_pods(ShowPodsRequest(pod_ids=pod_ids), deadline_s=DEADLINE_S)
    except GalaxyError as error:
        _log.info("agent {endpoint} shows no pods: {error}", endpoint=agent.endpoint, error=error)
        return None
