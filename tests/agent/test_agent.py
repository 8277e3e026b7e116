"""The whole agent on one Clock: pods run, are restarted, outlive it, and are stopped."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import PodKey
from galaxy.agent.restarts import LONGEST_DELAY_S
from galaxy.gce.cgroups import Usage
from galaxy.gce.memory_machine import Behaviour
from galaxy.protocol.agent_pb2 import ReadLogRequest
from galaxy.protocol.statuses import GalaxyError, status_name
from galaxy.protocol.types_pb2 import (
    Port,
    TaskDescriptor,
    kAgentError,
    kBatch,
    kConflict,
    kInputError,
    kNotFound,
    kPersistenceError,
    kPodError,
    kPodFinish,
    kPodNotFound,
    kPodRunning,
    kPodSuspend,
    kPodTerminate,
    kQuota,
    kSourceTypeBinary,
    kSourceTypeCommand,
    kSourceTypeFTP,
    kStaleEpoch,
    kTaskFinish,
    kTaskRunning,
)
from tests.agent.machines import GIB, JOB, Machine, description, run_request

KEY = PodKey(JOB, 0, 1)
MAIN = KEY.container(0)


class MachineTests(SynchronousTestCase):
    """A machine with an agent that has been started."""

    def setUp(self) -> None:
        self.machine = Machine(self, Path(self.mktemp()).absolute()).start()

    def run_one(self, **more: object) -> None:
        """Run one pod, until it has started."""
        request = run_request(description(**more), 0)  # type: ignore[arg-type]
        self.assertEqual(list(self.machine.run(request).refusals), [])
        self.machine.advance(0.5)


class RunTests(MachineTests):
    """Pods that run, and end."""

    def test_run(self) -> None:
        """A pod that is taken runs its task in a container of its own."""
        self.run_one()
        pod = self.machine.pod()
        self.assertEqual((pod.state, pod.healthy), (kPodRunning, True))
        self.assertGreater(pod.tasks[0].pid, 0)
        self.assertEqual(pod.tasks[0].state, kTaskRunning)

    def test_healthy_after_a_time(self) -> None:
        """A pod is healthy once it has run for as long as its job asks, and that is news."""
        self.run_one(min_healthy_s=10.0)
        self.assertFalse(self.machine.pod().healthy)
        revision = self.machine.query().revision
        self.machine.advance(10)
        self.assertTrue(self.machine.pod().healthy)
        self.assertGreater(self.machine.query().revision, revision)

    def test_restarted(self) -> None:
        """A service that ends is started again after a pause, and its restarts are counted."""
        self.run_one()
        pid = self.machine.pod().tasks[0].pid
        self.machine.gce.end(MAIN, "main.0", exit_code=3)
        self.machine.advance(0.1)
        pod = self.machine.pod()
        self.assertEqual(pod.state, kPodSuspend)
        self.assertIn("exited with 3", pod.reason)
        self.assertGreater(pod.tasks[0].next_try_time, self.machine.clock.seconds())
        self.machine.advance(2)
        task = self.machine.pod().tasks[0]
        self.assertEqual((task.state, task.restarts, task.exit_code), (kTaskRunning, 1, 3))
        self.assertNotEqual(task.pid, pid)

    def test_given_up(self) -> None:
        """After ten restarts in a row the pod is in error, and stays until it is forgotten."""
        self.run_one()
        for attempt in range(11):
            self.machine.gce.end(MAIN, f"main.{attempt}", exit_code=1)
            self.machine.advance(1.25 * LONGEST_DELAY_S)
        pod = self.machine.pod()
        self.assertEqual((pod.state, pod.tasks[0].restarts), (kPodError, 10))
        self.assertIn("10 restarts in a row", pod.reason)

    def test_batch_finishes(self) -> None:
        """A batch pod that ends well is finished, and is told of until it is forgotten."""
        self.run_one(kind=kBatch)
        self.machine.gce.end(MAIN, "main.0")
        self.machine.advance(0.5)
        pod = self.machine.pod()
        self.assertEqual((pod.state, pod.tasks[0].state), (kPodFinish, kTaskFinish))
        gone = self.machine.kill_pods(KEY).gone
        self.assertEqual([list(kill.index) for kill in gone], [[0]])
        self.assertEqual(self.machine.pods(), [])

    def test_batch_fails(self) -> None:
        """A batch pod without retries that fails is in error at once."""
        self.run_one(kind=kBatch)
        self.machine.gce.end(MAIN, "main.0", signal=9, oom=True)
        self.machine.advance(0.5)
        pod = self.machine.pod()
        self.assertEqual(pod.state, kPodError)
        self.assertTrue(pod.tasks[0].oom_killed)
        self.assertIn("memory", pod.reason)

    def test_stopped(self) -> None:
        """A pod that is killed is stopped, its container removed, and it is buried."""
        self.machine.behave = lambda process, spec: Behaviour(term_s=5.0)
        self.run_one()
        before = self.machine.query()
        self.assertEqual(list(self.machine.kill_pods(KEY).gone), [])
        self.assertEqual(self.machine.pod().state, kPodTerminate)
        self.machine.advance(60)
        self.assertEqual(self.machine.pods(), [])
        after = self.machine.query(before.revision, before.instance)
        self.assertEqual([list(group.incarnation) for group in after.removed], [[1]])
        self.assertEqual(self.machine.gce.machine.live, {})
        self.assertEqual(list((self.machine.directory / "pods").iterdir()), [])
        self.assertTrue((self.machine.directory / "dead" / KEY.name).is_dir())

    def test_deploy_evidence(self) -> None:
        """A deployment that failed is told of with the last that it said."""
        task = TaskDescriptor(
            start_command="serve", source_type=kSourceTypeCommand, binary=b"sleep 5"
        )
        self.machine.run(run_request(description(task), 0))
        self.machine.advance(0.5)
        stderr = self.machine.directory / "pods" / KEY.name / "0.stderr"
        stderr.write_bytes(b"trying\nthe disk is on fire\n\n")
        self.machine.gce.end(MAIN, "deploy.1", exit_code=1)
        self.machine.advance(0.5)
        self.assertIn("exited with 1: the disk is on fire", self.machine.pod().reason)

    def test_full_disk_later(self) -> None:
        """What cannot be written down is not done; once it can be, it is."""
        self.run_one()
        self.machine.database.failing = "no space left on device"
        self.machine.gce.end(MAIN, "main.0", exit_code=1)
        self.machine.advance(10)
        self.assertEqual(len(self.machine.gce.machine.launched), 1)
        self.machine.database.failing = None
        self.machine.advance(5)
        self.assertEqual(self.machine.pod().tasks[0].restarts, 1)
        self.flushLoggedErrors()

    def test_kill_again(self) -> None:
        """To kill an unknown pod is to have it gone."""
        self.assertEqual(len(self.machine.kill_pods(KEY).gone), 1)

    def test_workspace_command(self) -> None:
        """A deploy command runs first; the task follows when it ended well."""
        task = TaskDescriptor(
            start_command="serve", source_type=kSourceTypeCommand, binary=b"sleep 5"
        )
        self.machine.run(run_request(description(task), 0))
        self.machine.advance(0.5)
        self.assertEqual(self.machine.pod().tasks[0].stage, "deploy")
        self.machine.advance(5)
        self.assertEqual(self.machine.pod().state, kPodRunning)

    def test_package(self) -> None:
        """A package given inline is put in the cache and unpacked from there."""
        task = TaskDescriptor(
            start_command="serve", source_type=kSourceTypeBinary, binary=b"an archive"
        )
        self.machine.run(run_request(description(task), 0, 1))
        self.machine.advance(0.5)
        (cached,) = (self.machine.directory / "packages").iterdir()
        self.assertEqual(cached.read_bytes(), b"an archive")
        self.assertEqual([pod.state for pod in self.machine.pods()], [kPodRunning] * 2)

    def test_missing_package(self) -> None:
        """A package that is not there is an error that names it."""
        task = TaskDescriptor(
            start_command="serve", source_type=kSourceTypeFTP, binary=b"file:///not/here.tar"
        )
        self.machine.run(run_request(description(task), 0))
        self.machine.advance(0.5)
        pod = self.machine.pod()
        self.assertEqual(pod.state, kPodError)
        self.assertIn("file:///not/here.tar", pod.reason)


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

    def test_newer_incarnation(self) -> None:
        """A newer attempt at a slot has the older one stopped, and is taken after that."""
        self.run_one()
        newer = run_request(description(), 0, incarnation=2)
        self.assertEqual(self.refusal(newer)[0], kConflict)
        self.machine.advance(60)
        self.assertEqual(list(self.machine.run(newer).refusals), [])
        self.assertEqual([pod.incarnation for pod in self.machine.pods()], [2])

    def test_older_incarnation(self) -> None:
        """A late order for an older attempt changes nothing."""
        self.machine.run(run_request(description(), 0, incarnation=5))
        older = run_request(description(), 0, incarnation=4)
        self.assertEqual(self.refusal(older)[0], kConflict)
        self.assertEqual(self.machine.pod().incarnation, 5)

    def test_stale_epoch(self) -> None:
        """A master whose reign is over starts and kills nothing, also after a restart."""
        self.machine.run(run_request(description(), 0), epoch=7)
        self.machine.restart()
        answer = self.machine.master().run_pods(run_request(description(), 1), epoch=6)
        self.assertEqual(self.machine.refused(answer, GalaxyError).status, kStaleEpoch)
        self.assertEqual(len(self.machine.pods()), 1)

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


class RestartTests(MachineTests):
    """The agent is killed and started again."""

    def test_tasks_untouched(self) -> None:
        """A hundred tasks keep their pids, and are known again within half a second."""
        self.machine.run(run_request(description(millicores=10, memory=GIB // 64), *range(100)))
        self.machine.advance(1)
        before = self.machine.pids()
        self.assertEqual(len(set(before.values())), 100)
        self.machine.kill()
        self.machine.start()
        self.assertEqual(self.machine.pids(), before)
        self.assertEqual({task.restarts for pod in self.machine.pods() for task in pod.tasks}, {0})

    def test_finished_stays_finished(self) -> None:
        """A task that ended well is not started again by the next agent."""
        self.run_one(kind=kBatch)
        self.machine.gce.end(MAIN, "main.0")
        self.machine.advance(0.5)
        self.machine.restart()
        self.assertEqual(self.machine.pod().state, kPodFinish)

    def test_ended_while_away(self) -> None:
        """What ended while no agent was there is seen by the next."""
        self.run_one(kind=kBatch)
        self.machine.kill()
        self.machine.gce.end(MAIN, "main.0", exit_code=4)
        self.machine.start()
        self.assertEqual(self.machine.pod().tasks[0].exit_code, 4)

    def test_back_off_goes_on(self) -> None:
        """The count of restarts and the time of the next try are as they were."""
        self.run_one()
        for attempt in range(3):
            self.machine.gce.end(MAIN, f"main.{attempt}", exit_code=1)
            self.machine.advance(0.2 if attempt == 2 else 5)
        before = self.machine.pod().tasks[0]
        self.machine.restart()
        after = self.machine.pod().tasks[0]
        self.assertEqual(after.restarts, before.restarts)
        self.assertEqual(after.next_try_time, before.next_try_time)

    def test_stop_goes_on(self) -> None:
        """A pod that was being stopped is stopped by the next agent, and its slot is free."""
        self.machine.behave = lambda process, spec: Behaviour(term_s=20.0)
        self.run_one()
        self.machine.kill_pods(KEY)
        self.machine.restart()
        self.assertEqual(self.machine.pod().state, kPodTerminate)
        self.machine.advance(60)
        self.assertEqual(self.machine.pods(), [])

    def test_grants_are_kept(self) -> None:
        """What was granted before the restart is granted after it."""
        self.run_one(millicores=1500)
        self.machine.restart()
        (refusal,) = self.machine.run(run_request(description(millicores=600), 1)).refusals
        self.assertIn("500 of 2000 are free", refusal.reason)

    def test_another_instance(self) -> None:
        """Revisions of the agent before are void: who names them is told everything."""
        self.run_one()
        before = self.machine.query()
        self.machine.restart()
        after = self.machine.query(before.revision, before.instance)
        self.assertNotEqual(after.instance, before.instance)
        self.assertTrue(after.full)


class GceTests(MachineTests):
    """gce goes away, and comes back."""

    def test_nothing_is_done_in_ignorance(self) -> None:
        """While gce is away pods are taken and told of as they were; nothing is judged."""
        self.run_one()
        self.machine.stop_gce()
        self.machine.advance(10)
        self.assertEqual(self.machine.pod().state, kPodRunning)
        self.assertGreater(self.machine.spawner.times, 0)

    def test_come_back(self) -> None:
        """When gce is back the tasks are the same, and what waited is started."""
        self.run_one()
        pid = self.machine.pod().tasks[0].pid
        self.machine.stop_gce()
        self.machine.run(run_request(description(), 1))
        self.machine.start_gce()
        self.machine.advance(1)
        self.assertEqual([pod.state for pod in self.machine.pods()], [kPodRunning] * 2)
        self.assertEqual(self.machine.pods()[0].tasks[0].pid, pid)

    def test_back_off_goes_on(self) -> None:
        """A pause that ends while gce is away is not forgotten."""
        self.run_one()
        self.machine.gce.end(MAIN, "main.0", exit_code=1)
        self.machine.advance(0.2)
        self.machine.stop_gce()
        self.machine.advance(10)
        self.machine.start_gce()
        self.machine.advance(1)
        self.assertEqual(self.machine.pod().tasks[0].restarts, 1)

    def test_stopped_in_ignorance(self) -> None:
        """A pod that is killed while gce is away is stopped when it is back."""
        self.run_one()
        self.machine.stop_gce()
        self.assertEqual(list(self.machine.kill_pods(KEY).gone), [])
        self.assertEqual(self.machine.pod().state, kPodTerminate)
        self.machine.start_gce()
        self.machine.advance(5)
        self.assertEqual(self.machine.pods(), [])

    def test_strays(self) -> None:
        """A container that no pod owns is taken away."""
        self.run_one(kind=kBatch)
        self.machine.gce.end(MAIN, "main.0")
        self.machine.advance(0.5)
        self.machine.kill_pods(KEY)
        self.machine.advance(0.5)
        assert self.machine.agent.runner is not None
        self.assertEqual(self.machine.agent.runner.picture, {})


class LogTests(MachineTests):
    """Logs, over the wire."""

    def read(self, pod_id: str, task: str = "") -> bytes:
        """All that was written."""

        async def read() -> bytes:
            request = ReadLogRequest(pod_id=pod_id, task=task)
            async with aclosing(self.machine.master().read_log(request)) as chunks:
                return b"".join([chunk.data async for chunk in chunks])

        answer: bytes = self.machine.wait(Deferred.fromCoroutine(read()))
        return answer

    def write(self, data: bytes) -> None:
        """Write what the task would."""
        path = self.machine.directory / "pods" / KEY.name / "0.stdout"
        path.write_bytes(data)

    def test_running(self) -> None:
        """Of a pod that runs, by task id and by number."""
        self.run_one()
        self.write(b"hello\n")
        for task in ("", "0", f"{KEY.pod_id}.0"):
            self.assertEqual(self.read(KEY.pod_id, task), b"hello\n")

    def test_dead(self) -> None:
        """Of a pod that is gone, as long as its directory is there."""
        self.run_one()
        self.write(b"last words\n")
        self.machine.kill_pods(KEY)
        self.machine.advance(5)
        self.assertEqual(self.machine.pods(), [])
        self.assertEqual(self.read(KEY.pod_id), b"last words\n")

    def test_unknown(self) -> None:
        """What is not there, and what is no id, is refused with a status of its own."""
        self.run_one()
        for pod_id, task, status in (
            ("web_9.0", "", kPodNotFound),
            ("nonsense", "", kInputError),
            (KEY.pod_id, "7", kNotFound),
        ):
            with self.assertRaises(self.failureException) as caught:
                self.read(pod_id, task)
            self.assertIn(status_name(status), str(caught.exception))


class UsageTests(MachineTests):
    """What pods use, as gce tells."""

    def test_told(self) -> None:
        """Usage is sampled, summed up by job, and told with every answer."""
        self.run_one()
        for cpu_s in (1, 2, 3):
            self.machine.gce.machine.usages[MAIN] = Usage(cpu_s * 10**9, 5000, 6000, 1)
            self.machine.advance(2)
        answer = self.machine.query()
        self.assertEqual((answer.used_millicores, answer.used_memory), (500, 5000))
        self.assertEqual([usage.job_id for usage in answer.usage], [JOB])
        self.assertEqual(self.machine.pod().tasks[0].used_millicores, 500)
