"""
Whatever people want of a job while agents and masters die: in the end it is so.

The histories of `test_convergence`, with wishes in them.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import (
    RestartJobRequest,
    ResumeJobRequest,
    ScaleJobRequest,
    SteerUpdateRequest,
    SuspendJobRequest,
    UpdateJobRequest,
    UpdateSteering,
    kSteerContinue,
    kSteerPause,
    kSteerRollback,
)
from galaxy.protocol.services import MasterStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    kBatch,
    kJobFailed,
    kJobFinished,
    kPodFinish,
    kUpdateNone,
)
from tests.master.examples import descriptor
from tests.master.test_convergence import EVENTS, History
from tests.master.test_moves import other
from tests.master.test_pods import check_counts

WISHES = ("update", "roll back", "pause", "continue", "scale", "suspend", "resume", "restart pods")


class Wishes(History):
    """A job that somebody cannot leave alone."""

    def __init__(self, asked: JobDescriptor) -> None:
        super().__init__()
        self.asked = asked

    def befall(self, event: str, number: int) -> None:
        """One event or wish."""
        wishes: dict[str, Callable[[MasterStub], Deferred[Any]]] = {
            "update": lambda stub: stub.update_job(self.update(number)),
            "roll back": lambda stub: stub.steer_update(self.steer(kSteerRollback)),
            "pause": lambda stub: stub.steer_update(self.steer(kSteerPause)),
            "continue": lambda stub: stub.steer_update(self.steer(kSteerContinue)),
            "scale": lambda stub: stub.scale_job(ScaleJobRequest(job_id="web", replica=number + 2)),
            "suspend": lambda stub: stub.suspend_job(SuspendJobRequest(job_id="web")),
            "resume": lambda stub: stub.resume_job(ResumeJobRequest(job_id="web")),
            "restart pods": lambda stub: stub.restart_job(RestartJobRequest(job_id="web")),
        }
        if event not in wishes:
            super().befall(event, number)
            return
        with contextlib.suppress(GalaxyError):  # no is an answer
            self.world.do(wishes[event](self.world.stub))
        self.world.advance(0.1)

    def update(self, number: int) -> UpdateJobRequest:
        """Another version, or one that was there before, and a breakpoint now and then."""
        asked = other(self.asked, f"v{number}")
        asked.replica = self.world.job().replica
        return UpdateJobRequest(job_id="web", job=asked, breakpoint=number % 3)

    def steer(self, steering: UpdateSteering) -> SteerUpdateRequest:
        """Another direction."""
        return SteerUpdateRequest(job_id="web", steering=steering)


histories = st.lists(
    st.tuples(st.sampled_from((*EVENTS, *WISHES, *WISHES)), st.integers(0, 5)), max_size=14
)


class WishLaws(SynchronousTestCase):
    """For any history."""

    @settings(deadline=None, max_examples=50)
    @given(history=histories)
    def test_in_the_end_every_pod_is_what_is_wanted(self, history: list[tuple[str, int]]) -> None:
        """Liveness: as many as are wanted, of the version that is; safety: no copy is left."""
        story = Wishes(descriptor(replica=6, deploy_step=2))
        world = story.world
        world.run(story.asked)
        for event, number in history:
            story.befall(event, number)
        story.heal()
        story.befall("resume", 0)
        for _ in range(24):
            world.schedule()
            for agent in world.agents:
                agent.run_all()
            world.advance(2)
            story.befall("continue", 0)
        job = world.job()
        self.assertEqual((job.running, job.updated), (job.replica, job.replica), job)
        self.assertEqual(job.update_state, kUpdateNone, job)
        attempts = Counter(index for agent in world.agents for _, index in agent.pods)
        self.assertEqual((len(attempts), sum(attempts.values())), (job.replica, job.replica))
        versions = {pod.version for agent in world.agents for pod in agent.pods.values()}
        self.assertEqual(versions, {job.version})
        check_counts(self, world.cluster())

    @settings(deadline=None, max_examples=50)
    @given(history=histories)
    def test_what_has_ended_is_not_launched_again(self, history: list[tuple[str, int]]) -> None:
        """Safety: once the master has taken note of it (§12.1, 1). Liveness: the job ends."""
        story = Wishes(descriptor(type=kBatch, replica=6, deploy_step=2))
        world = story.world
        world.submit(story.asked)
        done: dict[int, int] = {}
        for event, number in history:
            story.befall(event, number)
            if event == "run":
                world.agents[number % 3].advance(kPodFinish)
                world.advance(1)
            self.check(story, done)
        story.heal()
        story.befall("resume", 0)
        for _ in range(12):
            world.schedule()
            for agent in world.agents:
                agent.advance(kPodFinish)
            world.advance(3)
            self.check(story, done)
        job = world.job()
        self.assertGreaterEqual(job.finished + job.failed, job.replica)
        self.assertEqual(job.state, kJobFailed if job.failed else kJobFinished)
        self.assertEqual([agent.pods for agent in world.agents], [{}, {}, {}])

    def check(self, story: Wishes, done: dict[int, int]) -> None:
        launched = Counter(index for agent in story.world.agents for _, index, _ in agent.launches)
        job = story.world.cluster().jobs.resolve("web")
        for index in job.finished | job.failed:
            self.assertEqual(done.setdefault(index, launched[index]), launched[index])
