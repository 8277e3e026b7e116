"""What the master orders, and how it is answered, over the whole agent."""

from __future__ import annotations

from galaxy.agent.records import PodKey
from galaxy.protocol.agent_pb2 import KillPodsRequest, PodKill, QueryRequest
from galaxy.protocol.methods import Served
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import (
    Port,
    kAgentError,
    kConflict,
    kInputError,
    kNotFound,
    kPersistenceError,
    kPodRunning,
    kQuota,
    kStaleEpoch,
)
from galaxy.protocol.wire_pb2 import Hello
from tests.agent.machines import (
    JOB,
    MASTER,
    MachineTests,
    description,
    run_request,
)
from tests.agent.test_master_link import HEARTBEATS, Master


class OrderTests(MachineTests):
    """What the master orders, and how it is answered."""

    def refusal(self, request: object, **more: int) -> tuple[int, str]:
        """Status and reason of the only refusal."""
        (refusal,) = self.machine.run(request, **more).refusals  # type: ignore[arg-type]
        return refusal.status, refusal.reason

    def test_repeated(self) -> None:
        """An attempt that is here already is not started twice, and not refused."""
        self.run_one()
        pids = self.machine.pids()
        self.run_one()
        self.assertEqual(self.machine.pids(), pids)

    def test_generation(self) -> None:
        """The generation that a pod was launched with is told back, also after a restart."""
        request = run_request(description(), 0)
        request.launches[0].generation = 5
        self.machine.run(request)
        self.machine.restart()
        self.assertEqual([group.generation for group in self.machine.query().groups], [5])

    def test_too_much(self) -> None:
        """What does not fit is refused with the numbers."""
        status, reason = self.refusal(run_request(description(millicores=3000), 0))
        self.assertEqual(status, kQuota)
        self.assertIn("asks 3000 millicores, 2000 of 2000 are free", reason)

    def test_no_description(self) -> None:
        """A version that is not known here is asked for."""
        status, _reason = self.refusal(run_request(description(), 0, send=False))
        self.assertEqual(status, kNotFound)

    def test_description_once(self) -> None:
        """A version that came before need not come again, while a pod of it is here."""
        self.run_one()
        request = run_request(description(), 1, send=False)
        self.assertEqual(list(self.machine.run(request).refusals), [])

    def test_isolation_demanded(self) -> None:
        """A job that demands isolation is refused where there is none, with gce's reason."""
        self.machine.gce.machine.isolation = "none"
        self.machine.restart()
        demanding = description()
        demanding.pod.require_isolation = True
        status, reason = self.refusal(run_request(demanding, 0))
        self.assertEqual(status, kAgentError)
        self.assertIn("isolation", reason)

    def test_older_incarnation(self) -> None:
        """A late order for an older attempt changes nothing."""
        self.machine.run(run_request(description(), 0, incarnation=5))
        older = run_request(description(), 0, incarnation=4)
        self.assertEqual(self.refusal(older)[0], kConflict)
        self.assertEqual(self.machine.pod().incarnation, 5)

    def test_older_incarnation_is_to_end(self) -> None:
        """A late order to end an earlier attempt is answered; the one that is here runs on."""
        self.machine.run(run_request(description(), 0, incarnation=5))
        pids = self.machine.pids()
        (gone,) = self.machine.kill_pods(PodKey(JOB, 0, 4)).gone
        self.assertEqual(list(gone.incarnation), [4])
        self.machine.advance(5)
        self.assertEqual((self.machine.pod().state, self.machine.pids()), (kPodRunning, pids))

    def test_stale_epoch(self) -> None:
        """A master whose reign is over starts and kills nothing, also after a restart."""
        self.machine.run(run_request(description(), 0), epoch=7)
        self.machine.restart()
        answer = self.machine.master().run_pods(run_request(description(), 1), epoch=6)
        self.assertEqual(self.machine.refused(answer, GalaxyError).status, kStaleEpoch)
        self.assertEqual(len(self.machine.pods()), 1)

    def test_who_only_asks_is_heard_of_too(self) -> None:
        """A reign that has asked how things stand is obeyed from then on, and no earlier one."""
        self.machine.run(run_request(description(), 0), epoch=7)
        self.machine.wait(self.machine.master().query(QueryRequest(), epoch=9))
        self.machine.restart()
        answer = self.machine.master().run_pods(run_request(description(), 1), epoch=8)
        self.assertEqual(self.machine.refused(answer, GalaxyError).status, kStaleEpoch)

    def test_stale_commands_are_counted(self) -> None:
        """What the agent tells of itself says how often, and what the highest epoch is."""
        master = Master()
        self.machine.network.listen(MASTER, Hello(role="master"), [Served(HEARTBEATS, master)])
        self.machine.run(run_request(description(), 0), epoch=7)
        stub = self.machine.master()
        for asked in (
            stub.run_pods(run_request(description(), 1), epoch=6),
            stub.kill_pods(KillPodsRequest(), epoch=5),
            stub.query(QueryRequest(), epoch=6),
        ):
            self.assertEqual(self.machine.refused(asked, GalaxyError).status, kStaleEpoch)
        self.machine.advance(5)
        facts = [beat.facts for beat in master.beats if beat.HasField("facts")][-1]
        self.assertEqual((facts.epoch, facts.stale_refusals), (7, 3))

    def test_a_master_of_another_cluster(self) -> None:
        """While there are pods it is refused, however high its epoch, and counted; then obeyed."""
        request = run_request(description(), 0)
        request.cluster = "ours"
        self.machine.run(request, epoch=7)
        self.machine.restart()
        stub = self.machine.master()
        (launch,) = request.launches
        kill = PodKill(job_id=launch.job_id, index=launch.index, incarnation=launch.incarnation)
        query = QueryRequest(cluster="another")
        for asked in (
            stub.query(query, epoch=9),
            stub.query(query, epoch=7),
            stub.kill_pods(KillPodsRequest(kills=[kill], cluster="another"), epoch=9),
        ):
            refused = self.machine.refused(asked, GalaxyError)
            self.assertEqual(refused.status, kConflict)
            self.assertIn("has pods of cluster ours, yours is another", refused.reason)
        assert self.machine.agent.runner is not None
        self.assertEqual(self.machine.agent.runner.stale_refusals, 3)
        self.machine.wait(stub.kill_pods(KillPodsRequest(kills=[kill], cluster="ours"), epoch=7))
        self.machine.advance(10)
        self.assertEqual(self.machine.pods(), [])
        self.machine.wait(stub.query(query, epoch=1))
        self.assertEqual(self.machine.agent.runner.book.epoch, 1)

    def test_full_disk(self) -> None:
        """What cannot be written is not taken, and leaves no trace; later it is."""
        self.machine.database.failing = "no space left on device"
        answer = self.machine.master().run_pods(run_request(description(), 0), epoch=1)
        error = self.machine.refused(answer, GalaxyError)
        self.assertEqual(error.status, kPersistenceError)
        self.assertEqual(self.machine.pods(), [])
        self.machine.database.failing = None
        self.run_one(millicores=2000)

    def test_one_write(self) -> None:
        """Many pods in one order are one write."""
        self.machine.database.writes.clear()
        self.machine.run(run_request(description(millicores=1, memory=1 << 20), *range(100)))
        (first, *_) = self.machine.database.writes
        self.assertEqual(sum(key.startswith(b"pod/") for key in first), 100)

    def test_no_tasks(self) -> None:
        """A pod without tasks is refused."""
        empty = description()
        del empty.pod.tasks[:]
        self.assertEqual(self.refusal(run_request(empty, 0))[0], kInputError)

    def test_no_job_id(self) -> None:
        """What is no job id does not become a path."""
        for job in ("../../etc", "a/b", "", "x" * 101):
            answer = self.machine.master().run_pods(run_request(description(job=job), 0), epoch=1)
            self.assertEqual(self.machine.refused(answer, GalaxyError).status, kInputError)

    def test_ports(self) -> None:
        """Dynamic ports are given from the range, and the task finds them in its environment."""
        described = description()
        described.pod.requirement.ports.extend(
            [Port(name="http", dynamic=True), Port(name="8080", port=8080)]
        )
        self.machine.run(run_request(described, 0))
        self.machine.advance(0.5)
        ports = {port.name: port.port for port in self.machine.pod().ports}
        self.assertEqual(ports, {"http": 20000, "8080": 8080})
        status, reason = self.refusal(run_request(described, 1))
        self.assertEqual(status, kQuota)
        self.assertIn("port 8080 is held by pod", reason)
