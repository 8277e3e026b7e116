"""What agents say of single pods."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.agents import Agent
from galaxy.master.details import IN_FLIGHT, ask
from galaxy.master.lines import Lines
from galaxy.master.selection import selected
from galaxy.protocol.agent_pb2 import ShowPodsRequest, ShowPodsResponse
from tests.master.examples import descriptor, machine, picture, placed, submitted


class SlowLines(Lines):
    """Agents of which the first have connections, and answer when the test says so."""

    def __init__(self, connected: int) -> None:
        super().__init__(lambda agent: None)
        self.connected = connected
        self.asked: list[Deferred[ShowPodsResponse]] = []

    def stub(self, agent: Agent) -> Any:
        """How to call the agent."""
        return self if agent.number <= self.connected else None

    def show_pods(self, request: ShowPodsRequest, deadline_s: float) -> Any:
        """As AgentStub has it."""
        self.asked.append(Deferred())
        return self.asked[-1]


class AskTests(SynchronousTestCase):
    """One job with a pod on each of many machines."""

    def ask(self, connected: int, machines: int) -> tuple[SlowLines, Deferred[Any]]:
        cluster = picture()
        job = submitted(cluster, descriptor(replica=machines))
        for number in range(machines):
            placed(cluster, job, machine(cluster, f"a{number}:1"), 1)
        lines = SlowLines(connected)
        found = selected(cluster, job.job_id, "", "")
        return lines, Deferred.fromCoroutine(ask(lines, cluster.fleet, found))

    def test_a_bounded_number_at_a_time(self) -> None:
        lines, details = self.ask(IN_FLIGHT + 1, IN_FLIGHT + 1)
        self.assertEqual(len(lines.asked), IN_FLIGHT)
        lines.asked[5].callback(ShowPodsResponse())
        self.assertEqual(len(lines.asked), IN_FLIGHT + 1)
        for answer in lines.asked:
            if not answer.called:
                answer.callback(ShowPodsResponse())
        self.assertEqual(self.successResultOf(details).silent, ())

    def test_a_fleet_of_which_most_are_not_connected(self) -> None:
        lines, details = self.ask(IN_FLIGHT, 1000)
        for answer in lines.asked:
            answer.callback(ShowPodsResponse())
        self.assertEqual(len(self.successResultOf(details).silent), 1000 - IN_FLIGHT)

    def test_who_wants_to_know_no_more_asks_no_more(self) -> None:
        lines, details = self.ask(1000, 1000)
        details.cancel()
        self.failureResultOf(details, CancelledError)
        self.assertEqual(len(lines.asked), IN_FLIGHT)
