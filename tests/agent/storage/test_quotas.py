"""What a pod may hold on disks, and what follows when it holds more."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.storage.quotas import (
    LONGEST_LOOK_S,
    SHARE,
    Part,
    Weight,
    excess,
    next_look_s,
    with_unlinked,
)
from galaxy.protocol.types_pb2 import kPodError, kPodRunning
from tests.agent.machines import GIB, JOB, KEY, MachineTests, description, run_request

PART = Part("its workspace", "/data/pods/web_1.0.1", GIB)


class DecisionTests(SynchronousTestCase):
    """When it is too much, and when to look again."""

    def test_within(self) -> None:
        """All that was granted may be used."""
        self.assertEqual(excess([(PART, Weight(GIB))]), "")

    def test_over(self) -> None:
        """The reason names what holds how much, and how much it was granted."""
        weighed = [(PART, Weight(0)), (Part("its volume /data", "/x", GIB), Weight(6 * GIB // 5))]
        self.assertEqual(excess(weighed), "its volume /data holds 1.2 GiB, granted 1.0 GiB")
        self.assertEqual(
            excess([(PART, Weight(GIB + 1))]),
            "its workspace holds more than 1.0 GiB, granted 1.0 GiB",
        )

    def test_deleted(self) -> None:
        """Deleted files that are open count, in the first directory on their file system."""
        parts = [PART, Part("its volume /data", "/x", GIB)]
        weighed = with_unlinked([(part, Weight(GIB // 2, device=7)) for part in parts], {7: GIB})
        self.assertEqual([weight.size_bytes for _, weight in weighed], [3 * GIB // 2, GIB // 2])
        self.assertEqual(
            excess(weighed),
            "its workspace holds 1.5 GiB, granted 1.0 GiB, 1.0 GiB of it in deleted files",
        )

    def test_deep(self) -> None:
        """What hides from the measure is over it."""
        self.assertIn("cannot be measured", excess([(PART, Weight(1, deep=True))]))

    @settings(deadline=None)
    @given(st.integers(0, 2 * GIB), st.floats(0, 100))
    def test_pace(self, held: int, took_s: float) -> None:
        """
        Safety: looking takes no more than its share of the time. What is nearly full is
        looked at sooner, and nothing is left alone for long.
        """
        pause_s = next_look_s([(PART, Weight(held))], took_s)
        self.assertGreaterEqual(pause_s, 1.0)
        self.assertGreaterEqual(pause_s * SHARE, took_s * 0.999)
        self.assertLessEqual(pause_s, max(LONGEST_LOOK_S, took_s / SHARE))
        self.assertGreaterEqual(next_look_s([(PART, Weight(0))], took_s), pause_s)


class GivenUpTests(MachineTests):
    """A pod that holds too much is given up where it is."""

    def test_given_up(self) -> None:
        """It is ended, not restarted, and says why; the next attempt begins with nothing."""
        self.run_one()
        self.machine.advance(5)
        self.assertEqual(self.machine.pod().state, kPodRunning)
        workspace = Path(self.machine.pod().path) / "0"
        (workspace / "left").write_text("behind")
        self.machine.weigh = lambda _directory, enough: Weight(enough + GIB)
        self.machine.advance(20)
        pod = self.machine.pod()
        self.assertEqual(pod.state, kPodError)
        self.assertEqual(pod.reason, "its workspace holds 11.0 GiB, granted 10.0 GiB")
        self.assertEqual((pod.tasks[0].restarts, pod.tasks[0].ended), (0, True))
        self.machine.weigh = lambda _directory, _enough: Weight(0)
        self.machine.run(run_request(description(), 0, incarnation=2))
        self.machine.advance(5)
        pod = self.machine.pod()
        self.assertEqual((pod.state, pod.incarnation), (kPodRunning, 2))
        self.assertEqual(list((Path(pod.path) / "0").iterdir()), [])

    def test_remembered(self) -> None:
        """An agent that is restarted over it goes on to end it."""
        self.run_one()
        self.machine.stop_gce()
        assert self.machine.agent.runner is not None
        self.machine.agent.runner.exceed(KEY, "its workspace is full")
        self.machine.advance(0.5)
        self.machine.restart()
        self.machine.advance(5)
        pod = self.machine.pod()
        self.assertEqual((pod.state, pod.reason), (kPodError, "its workspace is full"))
        self.assertEqual(self.machine.gce.running(), [])

    def test_granted(self) -> None:
        """A job may say how much its pods' directories may hold."""
        asked: list[tuple[str, int]] = []

        def weigh(directory: str, enough: int) -> Weight:
            asked.append((directory, enough))
            return Weight(0)

        self.machine.weigh = weigh
        described = description()
        described.pod.requirement.workspace = 5 * GIB
        self.machine.run(run_request(described, 0))
        self.machine.advance(3)
        self.assertEqual(asked[0], (self.machine.pod().path, 5 * GIB))
        self.assertEqual(self.machine.pod().job_id, JOB)
