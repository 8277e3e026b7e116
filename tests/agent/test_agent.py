"""The whole agent on one Clock: pods run, are restarted, finish, and are stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import LogLevel, capturedLogs, formatEvent

from galaxy.agent.condition import MachineCondition
from galaxy.agent.restarts import LONGEST_DELAY_S
from galaxy.agent.wellness import Reading
from galaxy.gce.memory_machine import Behaviour
from galaxy.protocol.types_pb2 import (
    TaskDescriptor,
    kBatch,
    kPodError,
    kPodFinish,
    kPodRunning,
    kPodSuspend,
    kPodTerminate,
    kSourceTypeBinary,
    kSourceTypeCommand,
    kSourceTypeFTP,
    kTaskFinish,
    kTaskRunning,
)
from tests.agent.machines import (
    KEY,
    MAIN,
    MachineTests,
    description,
    run_request,
)


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

    def test_retries(self) -> None:
        """A batch pod that fails is tried again so many times, and then is in error for good."""
        self.run_one(kind=kBatch, retries=2)
        for attempt in range(3):
            self.assertEqual(self.machine.pod().state, kPodRunning)
            self.machine.gce.end(MAIN, f"main.{attempt}", exit_code=3)
            self.machine.advance(10)
        pod = self.machine.pod()
        self.assertEqual((pod.state, pod.tasks[0].restarts), (kPodError, 2))
        self.assertEqual(pod.reason, "task 0 exited with 3, after 2 of 2 retries")
        self.machine.restart()
        self.machine.advance(600)
        self.assertEqual(self.machine.pod().state, kPodError)

    def test_last_words(self) -> None:
        """A pod that was given up is told of with what its task wrote last, now and later."""
        self.run_one(kind=kBatch)
        stderr = self.machine.directory / "pods" / KEY.name / "0.1.main.0.stderr"
        stderr.write_bytes(b"starting\nno such table: \x1b[1musers\n\n")
        self.machine.gce.end(MAIN, "main.0", exit_code=3)
        self.machine.advance(0.5)
        pod = self.machine.pod()
        self.assertEqual(pod.reason, "task 0 exited with 3: no such table: [1musers")
        self.assertEqual(list(pod.tasks[0].said), ["starting", "no such table: [1musers"])
        self.machine.restart()
        self.assertEqual(self.machine.pod().tasks[0].said, pod.tasks[0].said)

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
        stderr = self.machine.directory / "pods" / KEY.name / "0.1.deploy.1.stderr"
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

    def test_fault_of_ours(self) -> None:
        """A fault of ours ends the agent, as one who may be started again; tasks run on."""
        self.run_one()
        self.machine.kill()
        faults: list[Exception] = []

        def disk(work: Callable[[], None]) -> Deferred[None]:
            if faults:
                raise faults[0]
            return maybeDeferred(work)

        self.machine.disk = disk
        self.machine.start()
        faults.append(ZeroDivisionError("ours"))
        self.machine.gce.end(MAIN, "main.0", exit_code=1)
        self.machine.advance(0.5)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.machine.complaints, [])
        self.assertEqual(self.machine.faults, ["the agent has a fault: ours"])

    def test_directory_vanished(self) -> None:
        """Without its directory an agent says so, once; what runs runs on, and can be stopped."""
        self.machine.kill()
        condition = MachineCondition([self.machine.directory])
        self.machine.condition = lambda: Reading(gone=condition.read().gone)
        self.machine.start()
        self.run_one()
        self.machine.advance(10)
        shutil.rmtree(self.machine.directory)
        with capturedLogs() as logged:
            self.machine.advance(60)
            self.assertEqual(self.machine.pod().state, kPodRunning)
            self.machine.kill_pods(KEY)
            self.machine.advance(60)
        warnings = [event for event in logged if event["log_level"] >= LogLevel.warn]
        (why,) = [event["why"] for event in warnings if "why" in event]
        self.assertEqual(why, f"its directory {self.machine.directory} has vanished")
        self.assertLess(len(warnings), 5, [formatEvent(event) for event in warnings])
        self.assertEqual((self.machine.pods(), self.machine.gce.machine.live), ([], {}))
        self.assertEqual((self.machine.faults, self.flushLoggedErrors()), ([], []))

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

    def test_deploy_deadline_outlives_the_agent(self) -> None:
        """A deployment is ended when its time is over, counted from when an earlier agent began."""
        task = TaskDescriptor(
            start_command="serve",
            source_type=kSourceTypeCommand,
            binary=b"sleep 500",
            deploy_timeout_s=20.0,
        )
        self.machine.run(run_request(description(task), 0))
        self.machine.advance(15)
        self.machine.restart()
        self.assertEqual(self.machine.pod().tasks[0].stage, "deploy")
        self.machine.advance(4.5)
        self.assertEqual(self.machine.gce.machine.live, {})
        self.assertIn("longer than the 20 s it has", self.machine.pod().reason)
        self.machine.advance(120)
        self.assertEqual(self.machine.pod().state, kPodError)
        deploys = [process.name for process in self.machine.gce.machine.launched]
        self.assertEqual(deploys, ["deploy.1", "deploy.2", "deploy.3"])

    def test_package(self) -> None:
        """A package given inline is put in the cache and unpacked from there."""
        task = TaskDescriptor(
            start_command="serve", source_type=kSourceTypeBinary, binary=b"an archive"
        )
        self.machine.run(run_request(description(task), 0, 1))
        self.machine.advance(0.5)
        (cached,) = (self.machine.directory / "packages/whole").iterdir()
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
