"""
What agents say of single pods, asked for when somebody looks.

The master keeps no task's data: who shows pods asks the agents that have them,
a bounded number at a time, and names those that did not answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import field, frozen
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.logger import Logger

from galaxy import names
from galaxy.master.agents import Agent
from galaxy.master.fleet import Fleet
from galaxy.master.lines import Lines
from galaxy.master.pods import Pod
from galaxy.master.selection import Dead, Selection
from galaxy.protocol.agent_pb2 import PodStatus, ShowPodsRequest, ShowPodsResponse
from galaxy.protocol.statuses import GalaxyError

IN_FLIGHT = 32
DEADLINE_S = 3.0
MOST_QUOTED = 100  # tasks in one answer that are told of with what they said last

_log = Logger()


@frozen
class Details:
    """
    What agents said, by pod and incarnation; and who said nothing.

    `dead`: of attempts that are forgotten, as they stood in the end, each with the agent
    that tells of it, in the order of slots and attempts.
    """

    statuses: dict[tuple[str, int], PodStatus]
    silent: tuple[str, ...]
    dead: list[tuple[str, PodStatus]] = field(factory=list)

    def of(self, pod: Pod) -> PodStatus | None:
        """What was said of a pod's present attempt."""
        return self.statuses.get((names.pod_id(pod.job.job_id, pod.index), pod.incarnation))

    def untold(self, dead: Iterable[Dead]) -> list[Dead]:
        """Those of whose end nothing was said, though something of them remains."""
        told = {(endpoint, status.pod_id) for endpoint, status in self.dead}
        return [each for each in dead if (each.place.endpoint, each.pod_id) not in told]


NOTHING = Details({}, ())


async def ask(lines: Lines, fleet: Fleet, wanted: Selection, *, dead: bool = False) -> Details:
    """What the agents that have these pods, or what remains of them, say of them."""
    asked: dict[Agent, dict[str, None]] = {}
    for pod in wanted.pods:
        if pod.agent is not None:
            asked.setdefault(pod.agent, {})[names.pod_id(pod.job.job_id, pod.index)] = None
    for each in wanted.dead:
        agent = fleet.find(each.place.endpoint)
        if agent is not None:
            asked.setdefault(agent, {})[each.pod_id] = None
    requests = {
        agent: ShowPodsRequest(pod_ids=pod_ids, dead=dead) for agent, pod_ids in asked.items()
    }
    answers = await _answers(lines, requests)
    statuses: dict[tuple[str, int], PodStatus] = {}
    told: list[tuple[str, PodStatus]] = []
    silent = []
    for agent in asked:
        answer = answers[agent]
        if answer is None:
            silent.append(agent.endpoint)
            continue
        for status in answer.pods:
            if status.dead:
                told.append((agent.endpoint, status))
            else:
                statuses[status.pod_id, status.incarnation] = status
    told.sort(key=lambda pair: (pair[1].job_id, pair[1].index, pair[1].incarnation))
    quote_few([*statuses.values(), *(status for _, status in told)])
    return Details(statuses, tuple(sorted(silent)), told)


def quote_few(statuses: Iterable[PodStatus], most: int = MOST_QUOTED) -> None:
    """Leave what tasks said with those that ended last, so that an answer does not grow huge."""
    quoted = [task for status in statuses for task in status.tasks if task.said]
    for task in sorted(quoted, key=lambda task: -task.end_time)[most:]:
        del task.said[:]


async def _answers(
    lines: Lines, requests: Mapping[Agent, ShowPodsRequest]
) -> dict[Agent, ShowPodsResponse | None]:
    answers: dict[Agent, ShowPodsResponse | None] = {}
    unasked = iter(requests.items())

    async def ask_on() -> None:
        for agent, request in unasked:
            answers[agent] = await _answer(lines, agent, request)

    try:
        await gatherResults(
            [Deferred.fromCoroutine(ask_on()) for _ in range(IN_FLIGHT)], consumeErrors=True
        )
    except FirstError as error:
        error.subFailure.raiseException()
    return answers


async def _answer(lines: Lines, agent: Agent, request: ShowPodsRequest) -> ShowPodsResponse | None:
    stub = lines.stub(agent)
    if stub is None:
        return None
    try:
        return await stub.show_pods(request, deadline_s=DEADLINE_S)
    except GalaxyError as error:
        _log.info("agent {endpoint} shows no pods: {error}", endpoint=agent.endpoint, error=error)
        return None
