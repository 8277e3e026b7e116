"""Tasks with health checks, over the whole agent."""

from __future__ import annotations

from typing import Any

from galaxy.gce.memory_machine import Behaviour
from galaxy.protocol.agent_pb2 import Description
from galaxy.protocol.types_pb2 import (
    HealthCheck,
    Port,
    Resource,
    TaskDescriptor,
    kBatch,
    kPodError,
    kPodRunning,
    kPodSuspend,
    kRestartNever,
)
from tests.agent.machines import GIB, KEY, MAIN, MachineTests, description, run_request

PORT = 20000


def checked(check: HealthCheck, **more: Any) -> Description:
    """A pod of one task that is checked, with one port."""
    requirement = Resource(millicores=10, memory=GIB // 64)
    task = TaskDescriptor(start_command="serve", requirement=requirement, health=check)
    described = description(task, **more)
    described.pod.requirement.ports.append(Port(name="http", dynamic=True))
    return described


def http(**more: Any) -> HealthCheck:
    """A check of a page, each five seconds, three in a row, with no grace to speak of."""
    times = {"interval_s": 5.0, "timeout_s": 2.0, "grace_s": 30.0, "failures": 3}
    return HealthCheck(**{"http_port": "http", "http_path": "/ready", **times, **more})


def command(**more: Any) -> HealthCheck:
    """The same by command."""
    return http(http_port="", http_path="", command="is-ready", **more)


class CheckTests(MachineTests):
    """Pods that are asked how they are."""

    def run_checked(self, check: HealthCheck, **more: Any) -> None:
        """Run one pod."""
        self.assertEqual(
            list(self.machine.run(run_request(checked(check, **more), 0)).refusals), []
        )
        self.machine.advance(2)

    def test_healthy_when_passed(self) -> None:
        """A pod is healthy when its check has passed, however long it has run; that is news."""
        self.machine.probes.ill[PORT] = "refused"
        self.run_checked(http())
        self.machine.advance(10)
        pod = self.machine.pod()
        self.assertEqual((pod.state, pod.healthy), (kPodRunning, False))
        self.assertIn("health check: refused", pod.reason)
        revision = self.machine.query().revision
        self.machine.probes.ill.clear()
        self.machine.advance(2)
        pod = self.machine.pod()
        self.assertEqual((pod.healthy, pod.reason), (True, ""))
        self.assertGreater(self.machine.query().revision, revision)
        self.assertEqual(self.machine.probes.asked[0], (PORT, "/ready"))

    def test_by_number(self) -> None:
        """A port may be named by its number."""
        self.run_checked(HealthCheck(tcp_port="8080", interval_s=1.0))
        self.assertEqual(self.machine.probes.asked[0], (8080, ""))

    def test_restarted(self) -> None:
        """So many failures in a row, and the task is ended, and started again, with the reason."""
        self.run_checked(http())
        self.machine.probes.ill[PORT] = "answered 503"
        self.machine.advance(9)
        self.assertTrue(self.machine.pod().healthy)
        while self.machine.pod().state != kPodSuspend:
            self.machine.advance(0.5)
        pod = self.machine.pod()
        self.assertFalse(pod.healthy)
        self.assertIn("failed its health check 3 times in a row: answered 503", pod.reason)
        self.machine.probes.ill.clear()
        self.machine.advance(5)
        pod = self.machine.pod()
        self.assertEqual((pod.state, pod.healthy, pod.tasks[0].restarts), (kPodRunning, True, 1))

    def test_stubborn(self) -> None:
        """One that does not obey is killed when its time to stop is over."""
        self.machine.behave = lambda process, spec: Behaviour(term_s=None)
        described = checked(http(failures=1))
        described.pod.tasks[0].stop_timeout_s = 4.0
        self.machine.run(run_request(described, 0))
        self.machine.advance(2)
        self.machine.probes.ill[PORT] = "gone"
        self.machine.advance(6)
        self.machine.probes.ill.clear()
        self.machine.advance(10)
        self.assertEqual(self.machine.pod().tasks[0].restarts, 1)
        self.assertEqual(len(self.machine.gce.running()), 1)

    def test_grace(self) -> None:
        """A task that takes long to begin is left alone within its grace, and not after it."""
        self.machine.probes.ill[PORT] = "refused"
        self.run_checked(http())
        self.machine.advance(27)
        self.assertEqual(self.machine.pod().tasks[0].restarts, 0)
        self.machine.advance(6)
        self.assertEqual(self.machine.pod().tasks[0].restarts, 1)

    def test_policy(self) -> None:
        """What is not to be restarted is given up, also when it exits with 0 at last."""
        self.machine.behave = lambda process, spec: Behaviour(term_s=0.0)
        self.run_checked(http(failures=1), kind=kBatch, restart=kRestartNever)
        self.machine.probes.ill[PORT] = "stuck"
        self.machine.advance(8)
        pod = self.machine.pod()
        self.assertEqual(pod.state, kPodError)
        self.assertIn("failed its health check once: stuck, and is not to be", pod.reason)

    def test_agent_restarts(self) -> None:
        """What was healthy is so at once under the next agent, until a check says otherwise."""
        self.run_checked(http())
        self.assertTrue(self.machine.pod().healthy)
        self.machine.kill()
        self.machine.probes.ill[PORT] = "refused"
        self.machine.begin()
        (group,) = self.machine.query().groups
        self.assertTrue(group.healthy)
        self.machine.advance(17)
        self.assertFalse(self.machine.pod().healthy)

    def test_restart_goes_on(self) -> None:
        """A task that was to be ended for its health is ended by the next agent."""
        self.machine.behave = lambda process, spec: Behaviour(term_s=3.0)
        self.run_checked(http(failures=1))
        self.machine.probes.ill[PORT] = "stuck"
        while not self.machine.pod().reason:
            self.machine.advance(0.1)
        self.machine.kill()
        self.machine.probes.ill.clear()
        self.machine.start()
        self.machine.advance(10)
        pod = self.machine.pod()
        self.assertEqual((pod.healthy, pod.tasks[0].restarts), (True, 1))
        self.assertEqual(len(self.machine.gce.running()), 1)

    def test_forgotten(self) -> None:
        """A pod that is stopped is not asked any more."""
        self.run_checked(http())
        self.machine.kill_pods(KEY)
        self.machine.advance(2)
        self.machine.probes.asked.clear()
        self.machine.advance(60)
        self.assertEqual(self.machine.probes.asked, [])

    def test_spread(self) -> None:
        """Many tasks that began together are not asked together."""
        self.machine.run(run_request(checked(http(), millicores=10, memory=1 << 20), *range(100)))
        self.machine.advance(5)
        self.assertTrue(all(pod.healthy for pod in self.machine.pods()))
        self.machine.probes.asked.clear()
        most = 0
        for _ in range(100):
            before = len(self.machine.probes.asked)
            self.machine.advance(0.05)
            most = max(most, len(self.machine.probes.asked) - before)
        self.assertEqual(len(self.machine.probes.asked), 100)
        self.assertLess(most, 10)


class CommandTests(MachineTests):
    """Checks by command."""

    def run_checked(self, outcome: Behaviour) -> None:
        """Run a pod whose checks come out so."""
        self.outcome = outcome
        self.machine.behave = lambda process, spec: (
            self.outcome if process.name.startswith("health.") else Behaviour()
        )
        self.machine.run(run_request(checked(command()), 0))
        self.machine.advance(2)

    def checks(self) -> list[str]:
        """Those that were run."""
        launched = self.machine.gce.launched()
        return [each.name for each in launched if each.name.startswith("health.")]

    def test_passes(self) -> None:
        """A command that ends with 0 passes; it runs in the task's container, within its time."""
        self.run_checked(Behaviour(run_s=0.1))
        self.assertTrue(self.machine.pod().healthy)
        spec = self.machine.gce.spec(MAIN, self.checks()[0])
        self.assertEqual(spec.command, "exec timeout -k 1 2 /bin/sh -c is-ready")
        self.assertTrue(spec.stdout.endswith("/0.health"))

    def test_fails(self) -> None:
        """One that ends otherwise has failed, and is told with the last that it said."""
        self.run_checked(Behaviour(run_s=0.1))
        self.outcome = Behaviour(run_s=0.1, exit_code=2)
        self.machine.advance(20)
        task = self.machine.pod().tasks[0]
        self.assertEqual(task.restarts, 1)
        self.assertIn("health check: it exited with 2", task.reason)

    def test_late(self) -> None:
        """One that takes too long has failed; the next waits until it has been ended."""
        self.run_checked(Behaviour(run_s=2.0, exit_code=124))
        self.machine.advance(5)
        self.assertIn("no answer within 2 s", self.machine.pod().reason)
        running = [each for each in self.machine.gce.running() if each.name.startswith("health.")]
        self.assertLessEqual(len(running), 1)

    def test_no_gce(self) -> None:
        """While gce is away nothing is held against the task."""
        self.run_checked(Behaviour(run_s=0.1))
        self.machine.stop_gce()
        self.machine.advance(120)
        self.machine.start_gce()
        self.machine.advance(10)
        pod = self.machine.pod()
        self.assertEqual((pod.healthy, pod.tasks[0].restarts), (True, 0))

    def test_not_kept(self) -> None:
        """Checks that are over are not kept in the agent's picture."""
        self.run_checked(Behaviour(run_s=0.1))
        self.machine.advance(120)
        self.assertGreater(len(self.checks()), 20)
        picture = self.machine.agent.gce.picture
        assert picture is not None
        self.assertLess(len(picture[MAIN]), 4)
