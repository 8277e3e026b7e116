"""What becomes of an update by itself."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.amend import Amendment
from galaxy.master.jobs import turn
from galaxy.master.pods import observe
from galaxy.master.progress import overdue, progress
from galaxy.master.update import scaled, steered
from galaxy.protocol.master_pb2 import kSteerContinue, kSteerPause
from galaxy.protocol.types_pb2 import (
    kJobFinished,
    kPodError,
    kPodRunning,
    kStageRunning,
    kUpdateNone,
    kUpdateNormal,
    kUpdateReverting,
    kUpdateSuspend,
)
from tests.master.examples import (
    NOW,
    delta,
    descriptor,
    full_report,
    group,
    loaded,
    machine,
    merged,
    picture,
    placed,
    run,
    submitted,
)
from tests.master.test_moves import begin, other
from tests.master.test_stored import read_back


class ProgressTests(SynchronousTestCase):
    """Four pods on one machine, two at a time."""

    def begin(self, *, auto_revert: bool = False, breakpoint_: int = 0) -> None:
        self.cluster = picture()
        asked = descriptor(replica=4, deploy_step=2)
        asked.update.auto_revert = auto_revert
        self.job = submitted(self.cluster, other(asked, "v1"))
        self.agent = machine(self.cluster)
        for _ in range(2):
            placed(self.cluster, self.job, self.agent, 2)
            run(self.cluster, self.agent, self.job)
        begin(self.cluster, self.job, other(asked), breakpoint_)
        self.cluster.settle(NOW)

    def well(self) -> None:
        """All that the machine was given runs and is well."""
        for pod in self.agent.pods:
            if pod.stage == kStageRunning:
                observe(self.cluster.journal, pod, kPodRunning, True)
        self.cluster.settle(NOW)

    def amended(self) -> Amendment:
        amendment = progress(self.job, NOW)
        assert amendment is not None
        self.cluster.amend(self.job, amendment, "master", NOW)
        self.cluster.settle(NOW)
        return amendment

    def fail_one(self) -> None:
        """A pod that has the new version is given up."""
        index = next(pod.index for pod in self.agent.untold)
        pods = group(self.job, [index], state=kPodError)
        pods.reason = "exit 1"
        merged(self.cluster, self.agent, delta(pods))

    def test_it_is_over_when_every_pod_is_moved_and_well(self) -> None:
        self.begin()
        self.well()
        self.assertIsNone(progress(self.job, NOW))
        self.well()
        self.amended()
        self.assertEqual(self.job.update.state, kUpdateNone)

    def test_a_pod_that_is_given_up_holds_it(self) -> None:
        self.begin()
        self.fail_one()
        self.amended()
        self.assertEqual(self.job.update.state, kUpdateSuspend)
        self.assertIn("exit 1", self.job.why())
        self.assertIsNone(progress(self.job, NOW))

    def test_a_pod_that_is_given_up_takes_it_back_if_that_is_wanted(self) -> None:
        self.begin(auto_revert=True)
        self.fail_one()
        self.amended()
        self.assertEqual(self.job.update.state, kUpdateReverting)
        self.assertEqual([version.name for version in self.job.versions], ["v2", "v1"])
        self.well()
        self.assertEqual({pod.version.name for pod in self.agent.pods if pod.healthy}, {"v1"})

    def test_what_fails_on_the_way_back_is_held(self) -> None:
        """Else it would go to and fro for ever."""
        self.begin(auto_revert=True)
        self.fail_one()
        self.amended()
        self.job.complaint = "pod 0 of version v1: exit 1"
        self.amended()
        self.assertEqual(self.job.update.state, kUpdateSuspend)

    def test_a_change_of_something_else_makes_nobody_forget_what_failed(self) -> None:
        """It may be on its way to the nexus when the pod fails; another update is another."""
        self.begin()
        on_its_way = scaled(self.job, 5)
        assert on_its_way is not None
        self.fail_one()
        self.cluster.amend(self.job, on_its_way, "ada", NOW)
        self.amended()
        self.assertEqual(self.job.update.state, kUpdateSuspend)
        self.job.complaint = "pod 0 of version v2: exit 1"
        begin(self.cluster, self.job, other(descriptor(replica=5, deploy_step=2), "v3"))
        self.assertEqual(self.job.complaint, "")

    def test_a_pod_of_the_old_version_that_is_given_up_says_nothing_of_the_new(self) -> None:
        self.begin()
        index = min(self.job.behind)
        merged(
            self.cluster, self.agent, delta(group(self.job, [index], state=kPodError, version="v1"))
        )
        self.assertEqual(self.job.complaint, "")

    def test_a_pod_that_is_not_healthy_in_time_speaks_against_it(self) -> None:
        self.begin()
        self.assertEqual(overdue(self.job, NOW + 300), "")
        self.assertIn("is not healthy 300 s after it was placed", overdue(self.job, NOW + 301))
        self.well()
        self.well()
        self.assertEqual(overdue(self.job, NOW + 301), "")

    def test_held_and_let_go_on_it_has_its_time_anew(self) -> None:
        self.begin()
        for steering, now in ((kSteerPause, NOW + 100), (kSteerContinue, NOW + 200)):
            amendment = steered(self.job, steering, "", complete=True, now=now)
            assert amendment is not None
            self.cluster.amend(self.job, amendment, "ada", now)
        self.assertEqual(overdue(self.job, NOW + 500), "")
        self.assertIn("is not healthy 300 s after it was placed", overdue(self.job, NOW + 501))

    def test_it_is_in_time_by_the_clock_of_who_looks(self) -> None:
        """The leader that began it was an hour ahead; an attempt has its time anew with a reign."""
        self.begin()
        self.job.update = evolve(self.job.update, time=NOW + 3600)
        job = loaded(read_back(self.job))
        index = min({pod.index for pod in self.agent.pods} - self.job.behind)
        attempt = group(self.job, [index], healthy=False)
        machine(picture(job, endpoints=["a:1"], epoch=2), report=full_report(attempt))
        self.assertEqual(overdue(job, NOW + 300), "")
        self.assertIn("is not healthy 300 s after it was placed", overdue(job, NOW + 301))

    def test_the_breakpoint_is_reached_when_those_moved_are_well(self) -> None:
        self.begin(breakpoint_=2)
        self.assertIsNone(progress(self.job, NOW))
        self.well()
        self.amended()
        self.assertEqual((self.job.update.state, len(self.job.behind)), (kUpdateSuspend, 2))
        self.assertIn("breakpoint: 2 pods have version v2", self.job.why())

    def test_an_update_ends_with_its_job(self) -> None:
        self.begin()
        turn(self.cluster.journal, self.job, kJobFinished, "", "master", NOW)
        self.amended()
        self.assertEqual(self.job.update.state, kUpdateNone)

    def test_a_job_without_an_update_makes_no_progress(self) -> None:
        cluster = picture()
        self.assertIsNone(progress(submitted(cluster), NOW))
        self.begin()
        self.assertEqual(self.job.update.state, kUpdateNormal)
