"""Updates that go on and machines that are emptied, remembered and looked at in time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.movements import LARGE, PODS_PER_SECOND
from galaxy.master.pods import observe
from galaxy.protocol.types_pb2 import kPodRunning, kStageDeath, kStagePending
from tests.master.examples import (
    GIB,
    NOW,
    descriptor,
    facts,
    machine,
    picture,
    placed,
    run,
    submitted,
)
from tests.master.test_moves import begin, other


class MovementTests(SynchronousTestCase):
    """What settling does not do by itself."""

    def test_pods_of_a_large_update_are_looked_at_once_in_a_while(self) -> None:
        """Else each report would look at each of them."""
        cluster = picture()
        asked = descriptor(replica=2 * LARGE, deploy_step=10, millicores=1, memory=1)
        job = submitted(cluster, asked)
        agent = machine(cluster, said=facts(memory=GIB))
        while job.tally.healthy < job.replica:
            placed(cluster, job, agent, 10)
            run(cluster, agent, job)
        begin(cluster, job, other(asked))
        cluster.settle(NOW)
        self.assertEqual(len(job.behind), 2 * LARGE - 10)
        for pod in agent.pods:
            observe(cluster.journal, pod, kPodRunning, True)
        cluster.settle(NOW)
        self.assertEqual(len(job.behind), 2 * LARGE - 10)
        later = NOW + 2 * LARGE / PODS_PER_SECOND
        cluster.look_around(later)
        cluster.settle(later)
        self.assertEqual(len(job.behind), 2 * LARGE - 20)

    def test_a_pod_that_is_late_is_found_by_looking(self) -> None:
        """Nothing changes: it is time alone that speaks against the update."""
        cluster = picture()
        asked = descriptor(replica=1)
        job, agent = submitted(cluster, asked), machine(cluster)
        placed(cluster, job, agent, 1)
        run(cluster, agent, job)
        begin(cluster, job, other(asked))
        cluster.settle(NOW)
        cluster.look_around(NOW + 301)
        self.assertEqual(cluster.settle(NOW + 301).amended, (job,))

    def test_a_machine_that_is_not_emptied_any_more_keeps_the_rest(self) -> None:
        cluster = picture()
        job, agent = submitted(cluster, descriptor(replica=4)), machine(cluster)
        placed(cluster, job, agent, 4)
        run(cluster, agent, job)
        for draining in (True, False):
            agent.offline = draining
            cluster.journal.moved[agent] = None
            cluster.settle(NOW)
        cluster.journal.jobs[job] = None
        cluster.settle(NOW)
        self.assertEqual(job.tally.stages[kStageDeath], 1)
        self.assertEqual(job.tally.stages[kStagePending], 0)
