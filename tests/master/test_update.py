"""What people may want of a job that lives, and what is refused."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.amend import VERSIONS_KEPT, Amendment, as_it_is
from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Job, turn
from galaxy.master.pods import Event, change
from galaxy.master.rollout import UPDATE_STATES
from galaxy.master.update import restarted, scaled, steered, updated
from galaxy.protocol.master_pb2 import (
    UpdateSteering,
    kSteerContinue,
    kSteeringUnset,
    kSteerPause,
    kSteerRollback,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    JobUpdateState,
    Status,
    kBatch,
    kJobTerminated,
    kSystem,
    kUpdateNone,
    kUpdateNormal,
    kUpdateSuspend,
)
from tests.master.examples import NOW, descriptor, machine, picture, placed, submitted
from tests.master.test_moves import other
from tests.master.test_pods import check_counts


class WishTests(SynchronousTestCase):
    """A job of version v1, and somebody who wants something."""

    def setUp(self) -> None:
        self.cluster: Cluster = picture()
        self.asked = other(descriptor(replica=10), "v1")
        self.job: Job = submitted(self.cluster, self.asked)

    def wish(self, asked: JobDescriptor, breakpoint_: int = 0) -> Amendment | None:
        return updated(self.job, asked, breakpoint_, complete=True, now=NOW)

    def amend(self, amendment: Amendment | None) -> Amendment:
        assert amendment is not None
        self.cluster.amend(self.job, amendment, "ada", NOW)
        self.cluster.settle(NOW)
        check_counts(self, self.cluster)
        return amendment

    def update(self, version: str, breakpoint_: int = 0) -> None:
        self.amend(self.wish(other(self.asked, version), breakpoint_))

    def end_update(self) -> None:
        over = evolve(self.job.update, state=kUpdateNone)
        self.amend(evolve(as_it_is(self.job, "done"), update=over))

    def steer(self, steering: UpdateSteering, version: str = "") -> Amendment | None:
        return steered(self.job, steering, version, complete=True, now=NOW)

    def kept(self) -> list[str]:
        return [version.name for version in self.job.versions]

    def assert_refused(self, status: Status, ask: object, *arguments: object) -> str:
        assert callable(ask)
        with self.assertRaises(GalaxyError) as caught:
            ask(*arguments)
        self.assertEqual(caught.exception.status, status, caught.exception.reason)
        return caught.exception.reason


class UpdateTests(WishTests):
    """UpdateJob."""

    def test_another_version_begins_an_update(self) -> None:
        self.update("v2")
        self.assertEqual(self.job.update.state, kUpdateNormal)
        self.assertEqual((self.job.latest.name, self.job.update.back_to), ("v2", "v1"))
        self.assertEqual(self.kept(), ["v1", "v2"])

    def test_the_same_once_more_is_nothing(self) -> None:
        self.assertIsNone(self.wish(self.asked))

    def test_the_same_version_with_another_body_is_refused(self) -> None:
        """Galaxy 2 ignored the body, and said that all was well (§12.1, 8)."""
        asked = other(self.asked, "v1", millicores=700)
        reason = self.assert_refused(Status.kJobUpdateFail, self.wish, asked)
        self.assertIn("another pod description already", reason)
        self.update("v2")
        self.assert_refused(Status.kJobUpdateFail, self.wish, asked)

    def test_a_version_that_is_kept_is_gone_back_to(self) -> None:
        self.update("v2")
        self.end_update()
        self.update("v1")
        self.assertEqual(self.kept(), ["v2", "v1"])

    def test_what_is_no_version_takes_effect_at_once(self) -> None:
        asked = other(self.asked, "v1")
        asked.replica, asked.deploy_step, asked.priority, asked.max_per_host = 12, 4, 50, 2
        amendment = self.amend(self.wish(asked))
        job = self.job
        self.assertEqual(
            (job.replica, job.deploy_step, job.priority, job.max_per_host), (12, 4, 50, 2)
        )
        self.assertEqual((len(job.pods), job.update.state), (12, kUpdateNone))
        for word in ("replica", "deploy_step", "priority", "max_per_host"):
            self.assertIn(word, amendment.why)
        self.assertTrue(amendment.described_anew, "agents know the priority")

    def test_hosts_are_counted_from_the_moment_that_it_matters(self) -> None:
        agent = machine(self.cluster)
        placed(self.cluster, self.job, agent, 3)
        asked = other(self.asked, "v1")
        asked.max_per_host = 5
        self.amend(self.wish(asked))
        self.assertEqual(self.job.on_agents, {agent: 3})

    def test_a_job_that_is_killed_stays_killed(self) -> None:
        """An update of a terminated job made a zombie of it (§12.1, 6)."""
        turn(self.cluster.journal, self.job, kJobTerminated, "", "ada", NOW)
        self.assert_refused(Status.kJobUpdateFail, self.wish, other(self.asked))
        self.assert_refused(Status.kJobUpdateFail, scaled, self.job, 3)
        self.assert_refused(Status.kJobUpdateFail, restarted, self.job, 0, NOW)
        self.assert_refused(Status.kJobUpdateFail, self.steer, kSteerPause)

    def test_name_and_type_stay(self) -> None:
        asked = other(self.asked)
        asked.name = "other"
        self.assertIn("name", self.assert_refused(Status.kJobUpdateFail, self.wish, asked))
        asked = other(self.asked)
        asked.type = kBatch
        self.assertIn("type", self.assert_refused(Status.kJobUpdateFail, self.wish, asked))

    def test_all_that_is_wrong_is_said(self) -> None:
        asked = other(self.asked)
        asked.replica = -1
        self.assert_refused(Status.kInputError, self.wish, asked)
        self.assert_refused(Status.kInputError, self.wish, other(self.asked), -1)

    def test_an_update_on_top_of_another_goes_back_to_where_the_first_began(self) -> None:
        self.update("v2")
        self.update("v3")
        self.assertEqual(self.job.update.back_to, "v1")
        self.update("v1")
        self.assertEqual(self.job.update.back_to, "")

    def test_ten_versions_are_kept(self) -> None:
        """And none that a pod has, or to which the update would go back (§12.1, 8)."""
        agent = machine(self.cluster)
        placed(self.cluster, self.job, agent, 1)
        (pod,) = agent.pods
        agent.connected = False  # it stays what it is
        for number in range(2, 30):
            self.update(f"v{number}")
            self.end_update()
        self.assertEqual(len(self.job.versions), VERSIONS_KEPT)
        self.assertEqual(self.kept()[0], "v1")
        self.assertEqual(self.kept()[-1], "v29")
        change(self.cluster.journal, pod, Event.LEAVES, "", NOW)
        change(self.cluster.journal, pod, Event.GONE, "", NOW)
        self.cluster.settle(NOW)
        self.update("v30")
        self.assertNotIn("v1", self.kept())

    def test_while_it_is_not_known_what_pods_there_are_every_version_is_kept(self) -> None:
        for number in range(2, 15):
            asked = other(self.asked, f"v{number}")
            self.amend(updated(self.job, asked, 0, complete=False, now=NOW))
        self.assertEqual(len(self.job.versions), 14)


class SteeringTests(WishTests):
    """SteerUpdate."""

    def test_there_must_be_something_to_steer(self) -> None:
        for steering in (kSteerPause, kSteerContinue, kSteerRollback):
            self.assert_refused(Status.kJobUpdateFail, self.steer, steering)
        self.assert_refused(Status.kInputError, self.steer, kSteeringUnset)

    def test_pause_and_continue_are_what_they_are_however_often(self) -> None:
        self.update("v2", breakpoint_=3)
        self.assertIsNone(self.steer(kSteerContinue))
        self.amend(self.steer(kSteerPause))
        self.assertEqual(self.job.update.state, kUpdateSuspend)
        self.assertIsNone(self.steer(kSteerPause))
        self.amend(self.steer(kSteerContinue))
        self.assertEqual((self.job.update.state, self.job.update.breakpoint), (kUpdateNormal, 0))

    def test_back_to_the_version_before(self) -> None:
        self.update("v2")
        self.end_update()
        self.update("v3")
        self.end_update()
        self.amend(self.steer(kSteerRollback))
        self.assertEqual(self.job.latest.name, "v2")

    def test_in_the_midst_of_an_update_back_is_where_it_began(self) -> None:
        self.update("v2")
        self.update("v3")
        self.amend(self.steer(kSteerRollback))
        self.assertEqual(self.job.latest.name, "v1")

    def test_back_to_any_version_that_is_kept(self) -> None:
        self.update("v2")
        self.update("v3")
        self.amend(self.steer(kSteerRollback, "v2"))
        self.assertEqual(self.job.latest.name, "v2")
        reason = self.assert_refused(Status.kJobUpdateFail, self.steer, kSteerRollback, "v9")
        self.assertIn("v1, v3, v2", reason)

    def test_slots_made_while_it_is_held_get_the_version_that_has_proved_itself(self) -> None:
        self.update("v2")
        self.assertEqual(self.job.version_of_new_slots.name, "v2")
        self.amend(self.steer(kSteerPause))
        self.assertEqual(self.job.version_of_new_slots.name, "v1")
        self.amend(scaled(self.job, 12))
        self.assertEqual(self.job.pods[11].version.name, "v1")

    def test_every_state_of_an_update_can_come_to_its_end(self) -> None:
        """Liveness, by the table."""
        for state in UPDATE_STATES:
            self.assertTrue(state == kUpdateNone or kUpdateNone in UPDATE_STATES[state])
        self.assertEqual(set(UPDATE_STATES), set(JobUpdateState.values()))


class ScaleTests(WishTests):
    """ScaleJob and RestartJob."""

    def test_as_many_as_there_are_is_nothing(self) -> None:
        self.assertIsNone(scaled(self.job, 10))

    def test_less_than_none_is_an_error(self) -> None:
        self.assert_refused(Status.kInputError, scaled, self.job, -1)
        self.assert_refused(Status.kInputError, restarted, self.job, -1, NOW)

    def test_a_system_job_follows_the_machines(self) -> None:
        job = submitted(self.cluster, descriptor("log", type=kSystem, replica=0))
        self.assert_refused(Status.kInputError, scaled, job, 3)

    def test_a_batch_keeps_the_indexes_that_are_left(self) -> None:
        """Those that have ended beyond them count for nothing."""
        job = submitted(self.cluster, descriptor("count", type=kBatch, replica=6))
        for index in (1, 5):
            change(self.cluster.journal, job.pods[index], Event.STOPPED, "", NOW)
        job.finished = {1, 5}
        for replica, slots in ((3, [0, 2]), (7, [0, 2, 3, 4, 6]), (6, [0, 2, 3, 4])):
            amendment = scaled(job, replica)
            assert amendment is not None
            self.cluster.amend(job, amendment, "ada", NOW)
            self.cluster.settle(NOW)
            self.assertEqual(sorted(job.pods), slots)

    def test_a_slot_that_comes_again_has_an_attempt_of_its_own(self) -> None:
        """Its number is higher than any that the slot had: a late word means another."""
        agent = machine(self.cluster)
        placed(self.cluster, self.job, agent, 10)
        self.amend(scaled(self.job, 9))
        (gone,) = (pod for pod in agent.pods if pod.stage not in {1, 2, 3})
        change(self.cluster.journal, gone, Event.GONE, "", NOW)
        self.amend(scaled(self.job, 10))
        placed(self.cluster, self.job, agent, 1)
        self.assertGreater(self.job.pods[gone.index].incarnation, gone.incarnation)

    def test_a_held_update_is_not_restarted(self) -> None:
        self.update("v2")
        self.amend(self.steer(kSteerPause))
        self.assert_refused(Status.kJobUpdateFail, restarted, self.job, 0, NOW)
