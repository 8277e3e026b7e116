"""What people did in tasks: told until a master has heard of it, whoever is killed meanwhile."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.console.deeds import Deeds
from galaxy.agent.ledger import MOST_DEEDS, Ledger
from galaxy.agent.store import AgentStore
from galaxy.nexus.database import MemoryDatabase
from galaxy.protocol.agent_pb2 import ExecRequest, QueryRequest, QueryResponse, TaskChange
from galaxy.protocol.services import ConsoleStub
from galaxy.protocol.wire_pb2 import Hello
from tests.agent.machines import ENDPOINT, JOB, MachineTests

BEGUN, ENDED = "'ls' was begun in it", "'ls' exited with 0"


class DeedTests(MachineTests):
    """A machine with a pod, and a master that asks now and then."""

    def setUp(self) -> None:
        super().setUp()
        self.run_one()
        self.heard = QueryResponse()

    def exec(self) -> None:
        """Ann has `ls` run."""
        dialled = self.machine.network.dial(ENDPOINT, Hello(role="client", name="ann@desk"))
        stub = ConsoleStub(self.machine.wait(dialled))

        async def run() -> None:
            request = ExecRequest(pod_id=f"{JOB}.0", session="s", command=["ls"])
            stream: Any = stub.exec(request)
            async for _ in stream:
                pass

        Deferred.fromCoroutine(run())
        self.machine.advance(0.5)

    def ask(self, epoch: int = 1, *, anew: bool = False) -> list[str]:
        """A master asks for what it lacks; `anew`: it has nothing. What it hears people did."""
        known = QueryResponse() if anew else self.heard
        request = QueryRequest(since_revision=known.revision, instance=known.instance)
        self.heard = self.machine.wait(self.machine.master().query(request, epoch=epoch))
        return [change.reason for change in self.heard.task_changes if change.actor == "ann@desk"]

    def kept(self) -> int:
        """How many are on disk."""
        return len(list(self.machine.database.items(b"deed/")))

    def test_nobody_asked(self) -> None:
        """What was done while no master was there is told to the first that comes."""
        self.exec()
        self.assertEqual(self.ask(), [BEGUN, ENDED])
        first = self.heard.task_changes[0]
        self.assertTrue(0 < self.machine.clock.seconds() - first.time < 2)

    def test_restart(self) -> None:
        """The next agent tells of it, too."""
        self.exec()
        self.machine.restart()
        self.assertEqual(self.ask(), [BEGUN, ENDED])

    def test_known(self) -> None:
        """When the master asks beyond, it is told no more, also not to another or by another."""
        self.ask()
        self.exec()
        self.assertEqual(self.ask(), [BEGUN, ENDED])
        self.assertEqual((self.ask(), self.kept()), ([], 0))
        self.assertEqual(self.ask(2, anew=True), [])
        self.machine.restart()
        self.assertEqual(self.ask(2), [])

    def test_another_master(self) -> None:
        """One that leads anew is told what the last had not asked beyond."""
        self.exec()
        self.ask()
        self.assertEqual(self.ask(2, anew=True), [BEGUN, ENDED])

    def test_onlooker(self) -> None:
        """Who is no master makes nothing known."""
        self.exec()
        self.ask(0)
        self.ask(0)
        self.assertEqual((self.ask(anew=True), self.kept()), ([BEGUN, ENDED], 2))

    def test_full_disk(self) -> None:
        """What cannot be written down is told all the same."""
        self.machine.database.failing = "no space left on device"
        self.exec()
        self.machine.database.failing = None
        self.assertEqual((self.ask(), self.kept()), ([BEGUN, ENDED], 0))


class BoundTests(SynchronousTestCase):
    """No master comes for long."""

    def test_bounded(self) -> None:
        """The latest are kept, in memory as on disk."""
        database, ledger = MemoryDatabase(), Ledger("i")
        store = AgentStore(database, maybeDeferred)
        deeds = Deeds((), store, ledger, lambda: None, Clock())
        for number in range(MOST_DEEDS + 3):
            deeds.note(TaskChange(actor="ann", reason=f"{number}"))
        told = ledger.answer("", 0).task_changes
        self.assertEqual([told[0].reason, told[-1].reason], ["3", f"{MOST_DEEDS + 2}"])
        self.assertEqual(store.load().deeds, tuple(told))
