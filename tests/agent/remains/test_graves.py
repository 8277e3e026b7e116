"""What remains of dead pods: told of, kept for its time, collected; over the whole agent."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.ledger import Ledger
from galaxy.agent.records import PodKey
from galaxy.agent.remains.graves import PAUSE_S, Graves, free_share, remove
from galaxy.agent.remains.retention import Retention
from galaxy.agent.storage.measure import weigh
from galaxy.agent.storage.quotas import Weight
from galaxy.agent.workspaces import Workspaces
from galaxy.protocol.agent_pb2 import (
    KillPodsRequest,
    PodKill,
    PodStatus,
    QueryResponse,
    Remains,
    ShowPodsRequest,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kBatch, kPodError, kPodTerminate
from galaxy.settings import AgentSettings
from tests.agent.machines import JOB, KEY, MAIN, MachineTests, description, run_request

KEEP_S = 100.0
MIB = 1 << 20


class RoomTests(SynchronousTestCase):
    """On a disk that is full, or of which that cannot be told."""

    def setUp(self) -> None:
        self.workspaces, self.ledger = Workspaces(Path(self.mktemp())), Ledger("1")
        self.clock = Clock()
        self.workspaces.prepare()
        self.fault: Exception | None = None
        self.no_process = 0  # for so many
        self.told: list[Failure] = []
        self.graves = Graves(
            workspaces=self.workspaces,
            ledger=self.ledger,
            retention=Retention(keep_s=1000.0, most=1000, least_free_share=0.1, most_bytes=1 << 30),
            free_share=self.free_share,
            weigh=lambda directory, enough: maybeDeferred(weigh, directory, enough),
            in_thread=self.in_thread,
            news=lambda: None,
            clock=self.clock,
        )
        self.addCleanup(self.graves.stop)
        self.keys = [PodKey(JOB, index, 1) for index in range(40)]
        for key in self.keys:
            self.workspaces.make(key, 0, "")
            self.graves.bury(key)
            self.clock.advance(1.0)

    def free_share(self) -> float:
        """There is room for thirty."""
        if self.fault is not None:
            raise self.fault
        return 0.2 if len(self.workspaces.dead()) <= 30 else 0.05

    def in_thread(self, work: Callable[[], Any]) -> Deferred[Any]:
        """Do it at once."""
        if self.no_process and work != self.free_share:
            self.no_process -= 1
            return fail(BlockingIOError("no more processes"))
        return maybeDeferred(work)

    def collect(self) -> list[PodKey]:
        """Let it collect for a while; what is left."""
        self.clock.pump([PAUSE_S] * 20)
        return sorted(home.key for home in self.workspaces.dead())

    def test_oldest_first(self) -> None:
        """The oldest go, until there is room again; what died lately stays."""
        self.graves.start(self.told.append)
        self.assertEqual(self.collect(), self.keys[16:])
        remains = self.ledger.answer("", 0).remains
        self.assertEqual(sum(len(group.index) for group in remains), 24)
        self.assertEqual(self.told, [])

    def test_disk_not_seen(self) -> None:
        """When the disk cannot be looked at nothing is collected, until it can be again."""
        self.fault = FileNotFoundError("no such directory")
        self.graves.start(self.told.append)
        self.assertEqual(self.collect(), self.keys)
        self.fault = None
        self.assertEqual(self.collect(), self.keys[16:])
        self.assertEqual(self.told, [])

    def test_fault(self) -> None:
        """A fault of ours ends the collecting, and somebody is told."""
        self.fault = ZeroDivisionError("ours")
        self.graves.start(self.told.append)
        self.assertEqual([failure.getErrorMessage() for failure in self.told], ["ours"])

    def test_not_deleted(self) -> None:
        """What cannot be deleted now, since no process can be made, costs nothing else."""
        self.no_process = 2
        self.graves.start(self.told.append)
        self.assertEqual(self.collect(), self.keys[16:])
        self.assertEqual((len(self.workspaces.trash()), self.told), (2, []))

    def test_real(self) -> None:
        """How much is free of a real disk is a share."""
        self.assertTrue(0.0 < free_share(Path.cwd()) < 1.0)


class RemoveTests(SynchronousTestCase):
    """What tasks leave to be deleted."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()

    def test_deep(self) -> None:
        """A tree that is deeper than a path can be long."""
        inner = os.open(self.directory, os.O_RDONLY)
        for _ in range(2200):
            os.mkdir("d", dir_fd=inner)
            deeper = os.open("d", os.O_RDONLY, dir_fd=inner)
            os.close(inner)
            inner = deeper
        os.close(inner)
        remove(self.directory)
        self.assertFalse(self.directory.exists())

    def test_closed(self) -> None:
        """A directory that nobody may enter, and names that look like options."""
        closed = self.directory / "-rf"
        (closed / "in").mkdir(parents=True)
        closed.chmod(0)
        remove(self.directory)
        self.assertFalse(self.directory.exists())

    def test_link(self) -> None:
        """What a link leads to stays."""
        precious = Path(self.mktemp()).absolute()
        precious.mkdir()
        (self.directory / "link").symlink_to(precious)
        remove(self.directory)
        self.assertTrue(precious.exists())
        remove(self.directory)  # it is gone: nothing to say


class GraveTests(MachineTests):
    """A machine that keeps what dead pods leave for a short time."""

    def setUp(self) -> None:
        super().setUp()
        self.machine.kill()
        self.machine.settings = AgentSettings(dead_keep_s=KEEP_S)
        self.machine.start()

    def left(self) -> list[str]:
        """The directories of dead pods."""
        return sorted(os.listdir(self.machine.directory / "dead"))

    def shown(self) -> list[PodStatus]:
        """What is told of dead pods."""
        request = ShowPodsRequest(job_ids=[JOB], dead=True)
        return list(self.machine.wait(self.machine.master().show_pods(request)).pods)

    def die(self, *keys: PodKey) -> None:
        """Run pods, and kill them."""
        for key in keys:
            self.machine.run(run_request(description(), key.index, incarnation=key.incarnation))
        self.machine.advance(0.5)
        self.machine.kill_pods(*keys)
        self.machine.advance(5)

    def test_evidence(self) -> None:
        """How a pod ended that was given up is told later, also by the next agent."""
        self.run_one(kind=kBatch)
        stderr = self.machine.directory / "pods" / KEY.name / "0.1.main.0.stderr"
        stderr.write_bytes(b"no such table\n")
        self.machine.gce.end(MAIN, "main.0", exit_code=3)
        self.machine.advance(0.5)
        self.machine.kill_pods(KEY)
        self.machine.advance(0.5)
        self.machine.restart()
        (pod,) = self.shown()
        (task,) = pod.tasks
        self.assertEqual((pod.dead, pod.state, pod.incarnation), (True, kPodError, 1))
        self.assertEqual((task.exit_code, list(task.said)), (3, ["no such table"]))
        self.assertEqual(self.machine.pods(), [])

    def test_killed(self) -> None:
        """Of a pod that was stopped it is told how its processes ended then."""
        self.die(KEY)
        (pod,) = self.shown()
        self.assertEqual((pod.state, pod.tasks[0].ended), (kPodTerminate, True))
        self.assertEqual(pod.tasks[0].signal, 15)

    def test_told(self) -> None:
        """The master is told what is kept: in packed lists, what came and what went."""
        keys = [PodKey(JOB, index, 1) for index in range(3)]
        self.die(keys[0])
        before = self.machine.query()
        self.assertEqual(list(before.remains), [Remains(job_id=JOB, index=[0], incarnation=[1])])
        self.die(*keys[1:])
        after = self.machine.query(before.revision, before.instance)
        (came,) = after.remains
        self.assertEqual(sorted(came.index), [1, 2])
        self.machine.advance(KEEP_S)
        last = self.machine.query(after.revision, after.instance)
        (went,) = last.collected
        self.assertEqual((sorted(went.index), list(last.remains)), ([0, 1, 2], []))
        self.assertEqual(list(self.machine.query().collected), [])

    def test_collected(self) -> None:
        """After its time it is deleted, not sooner; a restart of the agent changes nothing."""
        self.die(KEY)
        self.machine.restart()
        self.machine.advance(KEEP_S / 2)
        self.assertEqual(self.left(), [KEY.name])
        self.machine.restart()
        self.machine.advance(KEEP_S / 2 + 10)
        self.assertEqual((self.left(), self.shown()), ([], []))
        self.assertEqual(os.listdir(self.machine.directory / "trash"), [])

    def test_cut_short(self) -> None:
        """What an agent was deleting when it was killed, the next one deletes."""
        self.machine.kill()
        (self.machine.directory / "trash" / KEY.name / "0").mkdir(parents=True)
        self.machine.start()
        self.assertEqual(os.listdir(self.machine.directory / "trash"), [])

    def test_killed_between(self) -> None:
        """What is written for the dead is not believed of one that was not forgotten then."""
        self.run_one(kind=kBatch)
        self.machine.gce.end(MAIN, "main.0", exit_code=3)
        self.machine.advance(0.2)
        self.machine.database.failing = "no space left on device"
        self.machine.refused(self.kill_one(), GalaxyError)
        self.machine.kill()
        self.machine.database.failing = None
        self.machine.start()
        (pod,) = self.shown()
        self.assertFalse(pod.dead, "it could not be written down that it is gone")
        self.machine.kill_pods(KEY)
        self.machine.advance(1)
        (pod,) = self.shown()
        self.assertEqual((pod.dead, pod.tasks[0].exit_code), (True, 3))
        self.flushLoggedErrors()

    def kill_one(self) -> Deferred[Any]:
        """Ask for the pod to be stopped."""
        kills = [PodKill(job_id=JOB, index=[0], incarnation=[1])]
        return self.machine.master().kill_pods(KillPodsRequest(kills=kills), epoch=1)

    def test_ports(self) -> None:
        """What a dead pod had is free, though its directory cannot be moved away."""
        dead = self.machine.directory / "dead"
        dead.rmdir()
        elsewhere = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.addCleanup(elsewhere.cleanup)
        dead.symlink_to(elsewhere.name)
        self.machine.kill()
        self.machine.settings = evolve(self.machine.settings, dynamic_ports="20000-20000")
        self.machine.start()
        described = description()
        described.pod.requirement.ports.add(name="http", dynamic=True)
        for incarnation in (1, 2):
            request = run_request(described, 0, incarnation=incarnation)
            self.assertEqual(list(self.machine.run(request).refusals), [])
            self.machine.advance(0.5)
            self.machine.kill_pods(PodKey(JOB, 0, incarnation))
            self.machine.advance(5)
        self.assertEqual([pod.incarnation for pod in self.shown()], [1, 2])
        self.machine.advance(KEEP_S)
        self.assertEqual(list((self.machine.directory / "pods").iterdir()), [])

    def test_in_place(self) -> None:
        """One that is taken over in place leaves its evidence beside its successor."""
        self.run_one()
        self.machine.run(run_request(description(), 0, incarnation=2))
        self.machine.advance(60)
        told = [(pod.incarnation, pod.dead) for pod in self.shown()]
        self.assertEqual(told, [(2, False), (1, True)])

    def test_bounded(self) -> None:
        """So many are kept, and no more."""
        self.machine.kill()
        self.machine.settings = evolve(self.machine.settings, dead_most=2)
        self.machine.start()
        for index in range(4):
            self.die(PodKey(JOB, index, 1))
        self.machine.advance(20)
        self.assertEqual(self.left(), [PodKey(JOB, index, 1).name for index in (2, 3)])

    def test_bytes(self) -> None:
        """So much is kept, and no more, whatever it is in."""
        self.machine.kill()
        self.machine.settings = evolve(self.machine.settings, dead_bytes=2 * MIB)
        self.machine.weigh = weigh
        self.machine.start()
        for index in range(4):
            self.machine.run(run_request(description(), index))
            self.machine.advance(0.5)
            key = PodKey(JOB, index, 1)
            (self.machine.directory / "pods" / key.name / "0/data").write_bytes(
                bytes(MIB * 9 // 10)
            )
            self.machine.kill_pods(key)
            self.machine.advance(5)
        self.machine.advance(20)
        self.assertEqual(self.left(), [PodKey(JOB, index, 1).name for index in (2, 3)])

    def test_overfilled(self) -> None:
        """Of one that held too much, evidence and the last of its logs are kept, and no more."""
        self.run_one()
        there = self.machine.directory / "pods" / KEY.name
        (there / "0/data").write_bytes(bytes(4 * MIB))
        (there / "0.1.main.0.stderr").write_bytes(b"no room\n" * MIB)
        self.machine.weigh = lambda directory, _enough: (
            Weight(1 << 40) if directory == str(there) else weigh(directory, 1 << 40)
        )
        self.machine.advance(60)
        self.machine.kill_pods(KEY)
        self.machine.advance(10)
        dead = self.machine.directory / "dead" / KEY.name
        self.assertEqual(sorted(os.listdir(dead)), ["0.1.main.0.stderr", "evidence.json"])
        self.assertLess(weigh(str(dead), 1 << 40).size_bytes, 2 * MIB)
        self.assertEqual(os.listdir(self.machine.directory / "trash"), [])
        (pod,) = self.shown()
        self.assertIn("its workspace holds 1.0 TiB", pod.reason)

    def test_full_answer(self) -> None:
        """Who asks another instance is told all that is kept."""
        self.die(KEY)
        before: QueryResponse = self.machine.query()
        self.machine.restart()
        after = self.machine.query(before.revision, before.instance)
        self.assertTrue(after.full)
        self.assertEqual(list(after.remains), [Remains(job_id=JOB, index=[0], incarnation=[1])])
