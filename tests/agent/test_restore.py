"""The agent is killed and started again: all is as it was."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from galaxy.gce.memory import MemoryGce
from galaxy.gce.memory_machine import Behaviour
from galaxy.protocol.agent_pb2 import QueryRequest
from galaxy.protocol.calls import Call
from galaxy.protocol.gce_pb2 import StopRequest, StopResponse
from galaxy.protocol.types_pb2 import (
    TaskDescriptor,
    kBatch,
    kPodError,
    kPodFinish,
    kPodRunning,
    kPodSuspend,
    kPodTerminate,
    kSourceTypeCommand,
)
from tests.agent.machines import (
    GIB,
    KEY,
    MAIN,
    MachineTests,
    description,
    run_request,
)


class NotingGce(MemoryGce):
    """A gce that notes the grace of each stop that it is asked for."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.graces: list[float] = []

    async def stop(self, request: StopRequest, call: Call) -> StopResponse:
        """Note it, and stop."""
        self.graces.append(request.grace_s)
        return await super().stop(request, call)


class RestartTests(MachineTests):
    """The agent is killed and started again."""

    def test_tasks_untouched(self) -> None:
        """
        A hundred tasks keep their pids, and are known again within half a second.

        They have no package: Galaxy 2 took such a one for broken (§12.4, 21).
        """
        self.machine.run(run_request(description(millicores=10, memory=GIB // 64), *range(100)))
        self.machine.advance(1)
        before = self.machine.pids()
        self.assertEqual(len(set(before.values())), 100)
        self.machine.kill()
        self.machine.start()
        self.assertEqual(self.machine.pids(), before)
        self.assertEqual({task.restarts for pod in self.machine.pods() for task in pod.tasks}, {0})

    def test_finished_stays_finished(self) -> None:
        """A task that ended well has ended well for the next agent, too (§12.4, 21)."""
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

    def test_retries_are_counted(self) -> None:
        """A batch is given up after as many attempts as it may have, whoever was there to count."""
        self.run_one(kind=kBatch, retries=2)
        for attempt in range(3):
            self.machine.gce.end(MAIN, f"main.{attempt}", exit_code=3)
            self.machine.advance(0.2)
            self.machine.restart()
            self.machine.advance(10)
        self.assertEqual(self.machine.pod().state, kPodError)
        self.assertIn("after 2 of 2 retries", self.machine.pod().tasks[0].reason)
        self.assertEqual(self.machine.gce.launched()[-1].name, "main.2")

    def test_deployments_are_counted(self) -> None:
        """Nor is one tried more often because agents came and went; the pause is as it was."""
        task = TaskDescriptor(
            start_command="serve", binary=b"exit 1", source_type=kSourceTypeCommand
        )
        self.machine.run(run_request(description(task), 0))
        self.machine.advance(0.5)
        paused = self.machine.pod().tasks[0].next_try_time
        self.assertGreater(paused, 0)
        self.machine.kill()
        self.machine.begin()
        self.machine.advance(0.2)
        self.assertEqual(self.machine.pod().tasks[0].next_try_time, paused)
        self.machine.advance(30)
        self.machine.restart()
        deployments = [process.name for process in self.machine.gce.launched()]
        self.assertEqual(deployments, ["deploy.1", "deploy.2", "deploy.3"])
        self.assertEqual(self.machine.pod().state, kPodError)

    def test_a_deployed_task(self) -> None:
        """What was deployed by an earlier agent is not deployed again."""
        task = TaskDescriptor(
            start_command="serve", binary=b"exit 0", source_type=kSourceTypeCommand
        )
        self.machine.run(run_request(description(task), 0))
        self.machine.advance(0.5)
        before = self.machine.pids()
        self.machine.restart()
        self.assertEqual(self.machine.pids(), before)
        started = [process.name for process in self.machine.gce.launched()]
        self.assertEqual(started, ["deploy.1", "main.0"])

    def test_grace_counts_once(self) -> None:
        """SIGKILL is due when it was at the first order, whoever repeats that to whomever."""
        self.machine.stop_gce()
        self.machine.gce = gce = NotingGce(self.machine.clock, lambda *_: Behaviour(term_s=None))
        self.machine.start_gce()
        self.machine.advance(1)
        task = TaskDescriptor(start_command="serve", stop_timeout_s=10.0)
        self.machine.run(run_request(description(task), 0))
        self.machine.advance(0.5)
        self.machine.kill_pods(KEY)
        self.machine.advance(3)
        self.machine.restart()
        self.machine.advance(2)
        self.machine.stop_gce()
        self.machine.start_gce()
        self.machine.advance(1)
        first, second, third = gce.graces
        self.assertAlmostEqual(first, 10, delta=0.2)
        self.assertTrue(5 < second < 7.1, second)
        self.assertTrue(2 < third < 5, third)

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


class FirstSightTests(MachineTests):
    """What is told before the container engine has told what runs."""

    def setUp(self) -> None:
        super().setUp()
        self.run_one(min_healthy_s=1.0)
        self.machine.advance(2)
        self.assertTrue(self.healthy())

    def healthy(self) -> bool:
        """Whether the only pod is told of as healthy."""
        (group,) = self.machine.query().groups
        return group.healthy

    def test_asked_at_once(self) -> None:
        """Who asks an agent that has just begun waits for the first sight, and hears the truth."""
        self.machine.kill()
        self.machine.begin()
        answer = self.machine.master().query(QueryRequest())
        self.assertNoResult(answer)
        (group,) = self.machine.wait(answer).groups
        self.assertEqual((group.state, group.healthy), (kPodRunning, True))

    def test_not_for_ever(self) -> None:
        """While gce does not come the pods are told of as remembered; they are not healthy."""
        self.machine.stop_gce()
        self.machine.kill()
        self.machine.begin()
        answer = self.machine.master().query(QueryRequest())
        self.machine.advance(2)
        self.assertNoResult(answer)
        self.machine.advance(2)
        (group,) = self.machine.wait(answer).groups
        self.assertEqual((group.state, group.healthy), (kPodRunning, False))
        self.machine.start_gce()
        self.machine.advance(1)
        self.assertTrue(self.healthy())

    def test_lost(self) -> None:
        """A pod that is gone with the machine's memory was never told of as healthy."""
        self.machine.kill()
        self.machine.stop_gce()
        self.machine.gce = MemoryGce(self.machine.clock)
        self.machine.start_gce()
        self.machine.begin()
        (group,) = self.machine.wait(self.machine.master().query(QueryRequest())).groups
        self.assertEqual((group.state, group.healthy), (kPodSuspend, False))

    def test_no_pods(self) -> None:
        """An agent without pods answers as soon as gce does."""
        self.machine.kill_pods(KEY)
        self.machine.advance(2)
        self.machine.kill()
        self.machine.begin()
        self.machine.advance(0.2)
        self.assertEqual(list(self.machine.query().groups), [])

    def test_gce_restarts(self) -> None:
        """A gce that goes away later makes nothing unhealthy, nor does it when it comes back."""
        self.machine.stop_gce()
        self.machine.advance(1)
        self.assertTrue(self.healthy())
        self.machine.start_gce()
        self.machine.advance(1)
        self.assertTrue(self.healthy())


class HoldingsTests(MachineTests):
    """What pods were granted is theirs."""

    def test_ports_and_disks(self) -> None:
        """The same numbers, the same disks, and nobody else's."""
        self.machine.settings = evolve(
            self.machine.settings, disks=(f"{self.machine.directory}=3G",)
        )
        self.machine.restart()
        described = description()
        described.pod.requirement.ports.add(name="http", dynamic=True)
        described.pod.requirement.disks.add(quota=2 * GIB, path="/data")
        self.assertEqual(list(self.machine.run(run_request(described, 0)).refusals), [])
        (port,) = self.machine.pod().ports
        self.machine.restart()
        self.assertEqual(list(self.machine.pod().ports), [port])
        (refusal,) = self.machine.run(run_request(described, 1)).refusals
        self.assertIn("asks 2.0 GiB of disk for /data, 1.0 GiB are free", refusal.reason)
        del described.pod.requirement.disks[:]
        described.version = "v2"
        self.assertEqual(list(self.machine.run(run_request(described, 1)).refusals), [])
        (_, other) = self.machine.pods()
        self.assertNotEqual(other.ports[0].port, port.port)
