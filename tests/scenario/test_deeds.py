"""Who did what in a task is told, whoever of the cluster is away when it is done."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.agent_pb2 import ExecRequest
from galaxy.protocol.master_pb2 import Event, WatchEventsRequest
from galaxy.protocol.services import ConsoleStub, MasterStub
from galaxy.protocol.wire_pb2 import Hello
from tests.scenario.cluster import Cluster
from tests.scenario.jobs import job


class DeedTests(SynchronousTestCase):
    """A job of one pod on one machine."""

    def setUp(self) -> None:
        self.cluster = Cluster.started(self, agents=1)
        (self.machine,) = self.cluster.machines.values()
        self.job_id = self.cluster.submit(job(replica=1))
        self.cluster.advance(3)

    def exec(self) -> None:
        """Ann has `ls` run, by a connection of her own."""
        dialled = self.cluster.network.dial(
            self.machine.endpoint, Hello(role="client", name="ann@desk")
        )
        self.cluster.advance(0.1)
        stub = ConsoleStub(self.successResultOf(dialled))

        async def run() -> None:
            request = ExecRequest(pod_id=f"{self.job_id}.0", session="s", command=["ls"])
            stream: Any = stub.exec(request)
            async for _ in stream:
                pass

        Deferred.fromCoroutine(run())
        self.cluster.advance(1)

    def told(self) -> list[str]:
        """What events there are of what Ann did."""

        async def read(master: MasterStub) -> list[Event]:
            stream = master.watch_events(WatchEventsRequest())
            return [event async for item in stream for event in item.events]

        events = self.cluster.ask(lambda master: Deferred.fromCoroutine(read(master)))
        return [event.reason for event in events if event.actor == "ann@desk"]

    def test_while_a_master_is_there(self) -> None:
        """It is told at once, and once."""
        self.exec()
        self.exec()
        self.assertEqual(self.told(), ["'ls' was begun in it", "'ls' exited with 0"] * 2)

    def test_while_none_is(self) -> None:
        """The next master hears of it, though the agent was restarted; and how long ago it was."""
        self.cluster.kill_master()
        self.exec()
        self.cluster.kill_agent(self.machine)
        self.cluster.advance(60)
        self.cluster.start_agent(self.machine)
        self.cluster.start_master(1)
        self.cluster.advance(30)
        begun, ended = self.told()
        self.assertRegex(begun, "'ls' was begun in it, 6[0-9] s before a master heard of it")
        self.assertRegex(ended, "'ls' exited with 0, 6[0-9] s before a master heard of it")

    def test_of_a_job_that_is_gone(self) -> None:
        """It is told also if the job was killed meanwhile."""
        self.cluster.network.cut(self.machine.endpoint, "10.0.1.1:7828")
        self.exec()
        self.cluster.kill_job(self.job_id)
        self.cluster.advance(5)
        self.cluster.network.heal()
        self.cluster.advance(60)
        self.assertEqual((len(self.told()), self.cluster.jobs()), (2, []))

    def test_once(self) -> None:
        """A master that has it already, and asks for everything, does not tell it again."""
        self.exec()
        self.cluster.kill_agent(self.machine)
        self.cluster.start_agent(self.machine)
        self.cluster.advance(5)
        self.assertEqual(len(self.told()), 2)
