"""What schedulers are told to place."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.master.examples import NOW, descriptor, machine, picture, placed, run, submitted


class QueueTests(SynchronousTestCase):
    """Groups, counts and revisions."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.queue = self.cluster.queue

    def counts(self) -> list[tuple[str, int]]:
        return [(self.name(group.job_id), group.count) for group in self.queue.groups(NOW)]

    def name(self, job_id: str) -> str:
        return job_id.split("_", maxsplit=1)[0]

    def test_a_job_is_one_group_however_many_pods(self) -> None:
        submitted(self.cluster, descriptor(replica=1000))
        self.assertEqual(self.counts(), [("web", 1000)])

    def test_by_priority_then_by_who_waits_longest(self) -> None:
        submitted(self.cluster, descriptor("late", replica=1), NOW + 2)
        submitted(self.cluster, descriptor("early", replica=1), NOW + 1)
        submitted(self.cluster, descriptor("urgent", replica=1, priority=9), NOW + 3)
        self.assertEqual([name for name, _ in self.counts()], ["urgent", "early", "late"])

    def test_no_more_than_the_deploy_step_is_offered(self) -> None:
        job, agent = submitted(self.cluster, descriptor(replica=9, deploy_step=2)), None
        self.assertEqual(self.counts(), [("web", 2)])
        agent = machine(self.cluster)
        placed(self.cluster, job, agent, 2)
        self.assertEqual(self.counts(), [])
        run(self.cluster, agent, job)
        self.assertEqual(self.counts(), [("web", 2)])

    def test_less_to_place_is_no_news(self) -> None:
        job, agent = submitted(self.cluster), machine(self.cluster)
        revision = self.queue.revision
        placed(self.cluster, job, agent, 2)
        self.assertEqual((self.counts(), self.queue.revision), ([("web", 1)], revision))

    def test_more_to_place_is_news(self) -> None:
        submitted(self.cluster)
        revision = self.queue.revision
        submitted(self.cluster, descriptor("other"))
        self.assertGreater(self.queue.revision, revision)

    def test_more_room_is_news_to_those_that_wait(self) -> None:
        revision = self.queue.revision
        machine(self.cluster, "a:1")
        self.assertEqual(self.queue.revision, revision, "nobody waits")
        submitted(self.cluster)
        revision = self.queue.revision
        machine(self.cluster, "b:1")
        self.assertGreater(self.queue.revision, revision)

    def test_where_a_jobs_pods_are_is_told_when_it_matters(self) -> None:
        job = submitted(self.cluster, descriptor(max_per_host=2))
        agent = machine(self.cluster)
        placed(self.cluster, job, agent, 1)
        (group,) = self.queue.groups(NOW)
        self.assertEqual([(each.agent, each.count) for each in group.occupied], [(1, 1)])
        self.assertEqual(group.running, 1)

    def test_revisions_of_another_reign_are_others(self) -> None:
        self.assertGreater(picture(epoch=2).queue.revision, self.queue.revision + 1_000_000)
