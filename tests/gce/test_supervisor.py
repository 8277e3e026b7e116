"""The supervisor when the machine below it refuses, forgets, or was left by another."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from galaxy.gce.cgroups import Allowance, CgroupError, Entrance
from galaxy.gce.interfaces import ILauncher
from galaxy.gce.memory_machine import BOOT, Behaviour, MemoryMachine, usual
from galaxy.gce.record import ProcessId, Record, Spec
from galaxy.gce.supervisor import LONGEST_SETTLING_S, Supervisor
from galaxy.protocol.gce_pb2 import ProcessStatus, kProcessEnded, kProcessRunning
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kAgentError, kConflict

MAIN = ProcessId("c", "main.0")
SPEC = Spec(BOOT, "./server", (), "/", "/out", "/err")


class StubbornMachine(MemoryMachine):
    """A machine whose control groups refuse as often as told."""

    refuse_create = 0
    refuse_remove = 0
    refuse_kill = 0

    def create(self, container: str, allowance: Allowance) -> Entrance:
        self.refuse_create -= 1
        if self.refuse_create >= 0:
            raise CgroupError("no room for a group")
        return super().create(container, allowance)

    def remove(self, container: str) -> None:
        self.refuse_remove -= 1
        if self.refuse_remove >= 0:
            raise CgroupError("the group is busy")
        super().remove(container)

    def kill_all(self, container: str, keepers: Collection[int]) -> None:
        self.refuse_kill -= 1
        if self.refuse_kill >= 0:
            raise CgroupError("the freezer is stuck")
        super().kill_all(container, keepers)


@implementer(ILauncher)
class SlowLauncher:
    """Launches on a machine; that what was asked for earlier is done shows when told to."""

    def __init__(self, machine: MemoryMachine) -> None:
        self._machine = machine
        self.settle: Callable[[], None]

    def start(self, ready: Callable[[], None], news: Callable[[ProcessId], None]) -> None:
        """Not ready."""
        self.settle = ready
        self._machine.start(lambda: None, news)

    def launch(self, process: ProcessId, spec: Spec) -> None:
        """As the machine does."""
        self._machine.launch(process, spec)

    def stop(self) -> None:
        """As the machine does."""
        self._machine.stop()


class SupervisorTests(SynchronousTestCase):
    """One supervisor on a stubborn machine."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.machine = StubbornMachine(self.clock, usual)
        self.supervisor = self.another()

    def another(self) -> Supervisor:
        """A supervisor of the machine; the one before it was killed."""
        for live in self.machine.live.values():
            live.stop()
        supervisor = self.supervise(self.machine)
        self.successResultOf(supervisor.start())
        return supervisor

    def supervise(self, launcher: ILauncher) -> Supervisor:
        """A supervisor that launches so."""
        return Supervisor(
            records=self.machine.records,
            cgroups=self.machine,
            launcher=launcher,
            keepers=self.machine,
            clock=self.clock,
            boot=BOOT,
        )

    def executing(self, process: ProcessId = MAIN) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.supervisor.execute(process, SPEC, Allowance()))

    def execute(self, process: ProcessId = MAIN) -> ProcessStatus:
        status: ProcessStatus = self.successResultOf(self.executing(process))[0]
        return status

    def removing(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.supervisor.remove("c"))

    def test_groups_are_refused(self) -> None:
        """
        Nothing is started, nothing remains; the next try is a new one.

        In Galaxy 2 such a pod could not be killed any more (§12.4, 22).
        """
        self.machine.refuse_create = 1
        error = self.failureResultOf(self.executing(), GalaxyError).value
        self.assertEqual((kAgentError, "no room for a group"), (error.status, error.reason))
        self.assertEqual([], self.machine.launched)
        self.assertEqual({}, self.machine.records.by_id)
        self.assertEqual(kProcessRunning, self.execute().state)

    def test_groups_are_busy(self) -> None:
        """A removal is patient with the kernel."""
        self.execute()
        self.machine.refuse_remove = 3
        removing = self.removing()
        self.clock.pump([0.05] * 5)
        self.successResultOf(removing)
        self.assertEqual([], self.machine.containers())

    def test_groups_stay_busy(self) -> None:
        """Not for ever; the refusal is the kernel's, and the container is as usable as before."""
        self.execute()
        self.machine.refuse_remove = 1000
        removing = self.removing()
        self.clock.pump([0.05] * 100)
        self.assertIn("busy", self.failureResultOf(removing, GalaxyError).value.reason)
        self.machine.refuse_remove = 0
        self.assertEqual(kProcessRunning, self.execute(ProcessId("c", "main.1")).state)

    def test_killing_is_refused(self) -> None:
        """It is tried again."""
        self.execute()
        self.machine.refuse_kill = 3
        stopping = Deferred.fromCoroutine(self.supervisor.stop_container("c", 0))
        self.clock.pump([0.05] * 6)
        self.successResultOf(stopping)
        self.assertEqual({}, self.machine.live)

    def test_execute_during_a_removal(self) -> None:
        """It is refused, also between two tries of the removal."""
        self.execute()
        self.machine.refuse_remove = 1
        removing = self.removing()
        self.clock.advance(0)
        error = self.failureResultOf(self.executing(ProcessId("c", "main.1")), GalaxyError).value
        self.assertEqual(kConflict, error.status)
        self.clock.pump([0.05] * 3)
        self.successResultOf(removing)

    def test_a_record_vanishes(self) -> None:
        """Somebody deleted it: the process is lost when it ends, never started again."""
        self.execute()
        self.machine.records.by_id.clear()
        self.machine.kill_all("c", ())
        self.clock.advance(0)
        status = self.execute()
        self.assertEqual((kProcessEnded, 9), (status.state, status.signal))
        self.assertIn("not known", status.reason)
        self.assertEqual([MAIN], self.machine.launched)

    def test_adopts(self) -> None:
        """The next supervisor knows what runs, sees it end, and starts nothing twice."""
        before = self.execute()
        self.supervisor = self.another()
        self.assertEqual(before, self.execute())
        self.machine.terminate("c", ())
        self.clock.advance(0)
        self.assertEqual(15, self.execute().signal)
        self.assertEqual([MAIN], self.machine.launched)

    def test_a_keeper_of_another_boot(self) -> None:
        """Whoever has its pid, and even its start time, is somebody else: its end is lost."""
        self.execute()
        record = self.machine.records.by_id[MAIN]
        self.machine.records.by_id[MAIN] = evolve(record, spec=evolve(SPEC, boot="earlier"))
        live = dict(self.machine.live)
        self.supervisor = self.another()
        self.machine.live.update(live)
        status = self.execute()
        self.assertEqual((kProcessEnded, 9), (status.state, status.signal))
        self.assertIn("the machine restarted", status.reason)

    def test_a_damaged_record(self) -> None:
        """Its process is lost and can be removed; the others are adopted."""
        before = self.execute()
        damaged = ProcessId("b", "main.0")
        self.machine.records.by_id[damaged] = Record(SPEC)
        self.machine.records.damaged[damaged] = errno.EIO
        self.supervisor = self.another()
        self.assertEqual(before, self.execute())
        self.assertEqual(9, self.execute(damaged).signal)
        self.assertEqual([MAIN], self.machine.launched)
        self.successResultOf(Deferred.fromCoroutine(self.supervisor.remove("b")))

    def test_a_record_is_not_read_for_want_of_descriptors(self) -> None:
        """That says nothing of its process: the supervisor does not start."""
        self.execute()
        self.machine.records.damaged[MAIN] = errno.EMFILE
        self.failureResultOf(self.supervise(self.machine).start(), OSError)

    def test_something_is_stuck(self) -> None:
        """What neither begins nor fails holds up nothing but itself; later it goes on."""
        stuck = ProcessId("stuck", "main.0")
        before = self.execute()
        self.machine.records.by_id[stuck] = Record(SPEC)
        launcher = SlowLauncher(self.machine)
        supervisor = self.supervise(launcher)
        starting = supervisor.start()
        self.clock.advance(LONGEST_SETTLING_S - 0.1)
        self.assertNoResult(starting)
        self.clock.advance(0.1)
        self.successResultOf(starting)
        self.supervisor = supervisor
        self.assertEqual(before, self.execute())
        executing = self.executing(stuck)
        self.assertNoResult(executing)
        launcher.settle()
        self.assertEqual(kProcessRunning, self.successResultOf(executing)[0].state)
        self.assertEqual([MAIN, stuck], self.machine.launched)

    def test_launches_what_was_wanted(self) -> None:
        """What was written down and not begun is begun by the next supervisor."""
        self.machine.records.by_id[MAIN] = Record(SPEC)
        self.supervisor = self.another()
        self.assertEqual([MAIN], self.machine.launched)

    def test_removes_unwanted_groups(self) -> None:
        """Groups without a record go."""
        self.machine.create("unwanted", Allowance())
        self.another()
        self.assertEqual([], self.machine.containers())

    def test_failure_to_start(self) -> None:
        """A process that cannot be started is told with the reason, to all who wait."""
        machine = MemoryMachine(self.clock, lambda *_: Behaviour(failed="no such directory"))
        self.machine = machine  # type: ignore[assignment]
        self.supervisor = self.another()
        self.assertEqual("no such directory", self.execute().reason)
        self.assertEqual("no such directory", self.execute().reason)
