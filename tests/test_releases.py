"""Two releases that are next to one another: what one says, the other keeps and survives."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.store import AgentStore, Changes
from galaxy.client import happenings, views
from galaxy.defaults import pod_version, with_defaults
from galaxy.descriptions import problems
from galaxy.master.amend import amend
from galaxy.master.events import Journal
from galaxy.master.jobs import Job, description
from galaxy.master.report import merge
from galaxy.master.store import Store
from galaxy.master.stored import amendment_changes, job_put, new_job_puts, read_job
from galaxy.master.stored_orders import agent_put, label_change
from galaxy.master.submission import new_job
from galaxy.master.update import scaled, updated
from galaxy.nexus.database import MemoryDatabase
from galaxy.nexus.failing import FailingNexus
from galaxy.nexus.interfaces import Entry, Put, Unavailable
from galaxy.nexus.memory import MemoryEnsemble, MemoryNexus
from galaxy.protocol import master_pb2
from galaxy.protocol.agent_pb2 import RunPodsRequest, TaskChange
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    PodDescriptor,
    PodState,
)
from tests.master.examples import (
    NOW,
    delta,
    descriptor,
    group,
    machine,
    picture,
    placed,
    submitted,
    told,
)
from tests.releases import (
    TOMORROW,
    filled,
    of_next_release,
    tomorrows,
)

NextJob, NextPod = of_next_release(JobDescriptor), of_next_release(PodDescriptor)


def _said(failure: Failure) -> str:
    return failure.getErrorMessage()


def _marked(message: Any, words: list[str]) -> None:
    """Say something in every message of this one that has been given a word for it."""
    if words:
        message.tomorrow = words.pop()
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in value if field.is_repeated else [value]:
                _marked(item, words)


@st.composite
def jobs_of_tomorrow(draw: st.DrawFn) -> Any:
    """A sound job with things that only the next release can say."""
    asked = descriptor(replica=2, ports=[80], labels=["ssd"])
    asked.pod.tasks[0].health.command = "true"
    job = NextJob.FromString(asked.SerializeToString())
    _marked(job, draw(st.lists(st.text(min_size=1, max_size=5), max_size=12)))
    return job


def said(job: Any) -> set[tuple[str, str]]:
    """What only the next release can say, and does."""
    return set(tomorrows(job))


def whole(job: Job) -> Any:
    """The job as the next release reads what this one keeps."""
    read = NextJob.FromString(job.descriptor.SerializeToString())
    read.pod.MergeFromString(job.latest.pod.SerializeToString())
    return read


def reloaded(changes: Any) -> Job:
    """The job as another master reads it."""
    kept = {put.key: Entry(put.value, 1) for put in changes if isinstance(put, Put)}
    (record,) = (entry.value for key, entry in kept.items() if key.startswith("jobs/"))
    return read_job(record, kept, ())


class DescriptorTests(SynchronousTestCase):
    """A job of the next release's command line, with a master and agents of this one."""

    @settings(deadline=None, max_examples=50)
    @given(jobs_of_tomorrow())
    def test_kept_all_the_way(self, asked: Any) -> None:
        """Safety: submitted, stored, sent to an agent, stored there: all that was said is there."""
        wanted = said(asked)
        ours = JobDescriptor.FromString(asked.SerializeToString())
        self.assertEqual(problems(ours), ())
        job = reloaded(new_job_puts(new_job("web_01", ours, "r1", NOW)))
        self.assertEqual(said(whole(job)), wanted)
        request = RunPodsRequest(descriptions=[description(job, job.latest)])
        (told_agent,) = RunPodsRequest.FromString(request.SerializeToString()).descriptions
        database = MemoryDatabase()
        store = AgentStore(database, maybeDeferred)
        key = (told_agent.job_id, told_agent.version)
        self.successResultOf(store.write(Changes(descriptions={key: told_agent})))
        (there,) = AgentStore(database, maybeDeferred).load().descriptions.values()
        pod = NextPod.FromString(there.pod.SerializeToString())
        self.assertEqual(said(pod), said(asked.pod))

    @settings(deadline=None, max_examples=20)
    @given(jobs_of_tomorrow())
    def test_kept_in_amendments(self, asked: Any) -> None:
        """Safety: what is changed of a job leaves the rest of it as it was."""
        ours = JobDescriptor.FromString(asked.SerializeToString())
        job = new_job("web_01", ours, "r1", NOW)
        amendment = scaled(job, 5)
        assert amendment is not None
        amend(Journal(), job, amendment, "ada", NOW)
        self.assertEqual(said(whole(reloaded(new_job_puts(job)))), said(asked))

    @settings(deadline=None, max_examples=20)
    @given(jobs_of_tomorrow(), st.text(min_size=1))
    def test_another_word_is_another_version(self, asked: Any, word: str) -> None:
        """What is not known is part of what a version is: a change of it is rolled out."""
        before = PodDescriptor.FromString(asked.pod.SerializeToString())
        asked.pod.tasks[0].tomorrow += word
        after = PodDescriptor.FromString(asked.pod.SerializeToString())
        self.assertNotEqual(pod_version(before), pod_version(after))

    def test_the_same_file_after_an_upgrade(self) -> None:
        """The last release filled in less: the same description is the same version still."""
        asked = descriptor()
        for version in ("v1", ""):
            asked.pod.version = version
            job = new_job("web_01", asked, "r1", NOW)
            for task in job.latest.pod.tasks:  # as before there were these
                task.ClearField("deploy_timeout_s")
                task.requirement.ClearField("io_weight")
            self.assertNotEqual(job.latest.pod, with_defaults(asked).pod)
            self.assertIsNone(updated(job, asked, 0, complete=True, now=NOW))
            asked.replica += 1
            amendment = updated(job, asked, 0, complete=True, now=NOW)
            assert amendment is not None
            self.assertEqual(amendment.why, "changed: replica")
            self.assertEqual(amendment_changes(job, amendment, NOW)[0].key, "jobs/web_01")


class StoreTests(SynchronousTestCase):
    """A master of this release after one of the next."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.nexus = MemoryNexus(MemoryEnsemble(self.clock))

    def done(self, answer: Deferred[Any]) -> Any:
        """What the nexus answers, shortly."""
        self.clock.pump([0.1] * 10)
        found: list[Any] = []
        answer.addCallback(found.append)
        (result,) = found
        return result

    def test_records(self) -> None:
        """What it writes anew has what the later one put there."""
        job = new_job("web_01", descriptor(), "r1", NOW)
        record = master_pb2.StoredAgent(endpoint="a:1", admit_time=NOW)
        puts = [self.of_tomorrow(put) for put in (*new_job_puts(job), agent_put(record))]
        self.done(self.nexus.commit(puts, 0))
        store = Store(self.nexus, 0, self.fail, self.fail)
        (loaded,) = self.done(Deferred.fromCoroutine(store.load())).jobs
        record.offline = True
        self.done(store.save([job_put(loaded, reason="x"), agent_put(record)]))
        kept = self.done(self.nexus.get("jobs/web_01"))
        next_record = of_next_release(master_pb2.StoredJob).FromString(kept.value)
        self.assertEqual((next_record.tomorrow, next_record.reason), ("later", "x"))
        kept = self.done(self.nexus.get("agents/a:1"))
        next_record = of_next_release(master_pb2.StoredAgent).FromString(kept.value)
        self.assertEqual((next_record.tomorrow, next_record.offline), ("later", True))

    def test_deletion_that_failed(self) -> None:
        """What stands there still has what the later one put there when it is written next."""
        nexus = FailingNexus(self.nexus)
        given, taken = label_change("ssd", ["a:1"]), label_change("ssd", [])
        assert isinstance(given, Put)
        self.done(nexus.commit([self.of_tomorrow(given)]))
        store = Store(nexus, 0, self.fail, self.fail)
        self.done(Deferred.fromCoroutine(store.load()))
        nexus.break_("commit", Unavailable("no quorum"), times=1)
        self.failureResultOf(store.save([taken]))
        self.done(store.save([given]))
        kept = self.done(self.nexus.get(given.key))
        next_record = of_next_release(master_pb2.StoredLabel).FromString(kept.value)
        self.assertEqual(next_record.tomorrow, "later")
        self.done(store.save([taken]))
        self.done(store.save([given]))
        kept = self.done(self.nexus.get(given.key))
        self.assertEqual(kept.value, given.value)

    def of_tomorrow(self, put: Put) -> Put:
        """The same, with something that only the next release knows."""
        later = of_next_release(master_pb2.StoredJob)(tomorrow="later")
        return Put(put.key, put.value + later.SerializeToString())

    def test_state_of_a_later_release(self) -> None:
        """A job that it would misunderstand keeps it from reigning; it says what to do."""
        puts = new_job_puts(new_job("web_01", descriptor(), "r1", NOW))
        record = of_next_release(master_pb2.StoredJob).FromString(puts[-1].value)
        record.state = TOMORROW
        puts = (*puts[:-1], Put(puts[-1].key, record.SerializeToString()))
        self.done(self.nexus.commit(puts, 0))
        store = Store(self.nexus, 0, self.fail, self.fail)
        failure = self.done(Deferred.fromCoroutine(store.load()).addErrback(_said))
        self.assertIn("(JobState 99): upgrade this master", failure)


class EnumTests(SynchronousTestCase):
    """States that only the next release has."""

    def test_reports(self) -> None:
        """A pod and a task in such a state: the rest of the report is taken, events say it."""
        cluster = picture()
        agent, job = machine(cluster), submitted(cluster)
        placed(cluster, job, agent, 3)
        told(agent)
        report = delta(group(job, [0], state=cast("PodState", TOMORROW)), group(job, [1, 2]))
        change: Any = of_next_release(TaskChange)(
            job_id=job.job_id, index=0, before=TOMORROW, after=TOMORROW
        )
        report.task_changes.add().MergeFromString(change.SerializeToString())
        merge(cluster, agent, report, NOW)
        cluster.settle(NOW)
        self.assertEqual(job.tally.running, 2)
        words = {happening.after for happening in cluster.journal.take_happenings(NOW)}
        self.assertLess({"PodState 99", "TaskState 99", "kPodRunning"}, words)

    def test_command_line(self) -> None:
        """Everything that it shows, with all states from the next release."""
        rows: tuple[tuple[Any, Any], ...] = (
            (views.job, master_pb2.JobOverview),
            (views.pod, master_pb2.PodOverview),
            (views.task, master_pb2.TaskOverview),
            (views.agent, master_pb2.AgentOverview),
            (views.status, master_pb2.GetStatusResponse),
            (lambda shown: views.shown_job(shown, [], []), master_pb2.ShowJobResponse),
            (lambda event: list(happenings.rows([event])), master_pb2.Event),
        )
        for view, kind in rows:
            told_us = filled(of_next_release(kind)()).SerializeToString()
            row = view(kind.FromString(told_us))
            self.assertTrue(row)
        self.assertEqual(views.pod(master_pb2.PodOverview(stage=TOMORROW))["stage"], "PodStage 99")  # type: ignore[arg-type]
