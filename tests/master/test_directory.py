"""Ids, prefixes and names."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.directory import Directory
from galaxy.master.jobs import Job, turn
from galaxy.master.submission import new_job
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status, kJobTerminated
from tests.master.examples import NOW, descriptor, picture


class DirectoryTests(SynchronousTestCase):
    """What people mean."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.jobs: Directory = self.cluster.jobs

    def add(self, job_id: str, name: str = "web") -> Job:
        job = new_job(job_id, descriptor(name, replica=0), f"request of {job_id}", NOW)
        self.jobs.add(job)
        return job

    def end(self, job: Job) -> None:
        turn(self.cluster.journal, job, kJobTerminated, "", "", NOW)

    def assert_refused(self, word: str, status: Status) -> str:
        with self.assertRaises(GalaxyError) as caught:
            self.jobs.resolve(word)
        self.assertEqual(caught.exception.status, status)
        return caught.exception.reason

    def test_an_id_a_prefix_and_a_name(self) -> None:
        job = self.add("web_0123456789ab")
        self.add("db_0123456789ab", "db")
        for word in ("web_0123456789ab", "web_0", "web", " web "):
            self.assertIs(self.jobs.resolve(word), job)

    def test_a_prefix_of_two_names_both(self) -> None:
        self.add("web_01", "web")
        self.add("web_02", "web2")
        self.assertIn("web_01, web_02", self.assert_refused("web_0", Status.kInputError))

    def test_a_name_is_not_the_beginning_of_another(self) -> None:
        """`kill web`, typed twice, must not hit web2."""
        self.add("web2_01", "web2")
        for word in ("web", "we", "web2_"):
            self.assert_refused(word, Status.kJobNotFound)

    def test_a_live_job_comes_before_its_dead_namesakes(self) -> None:
        self.end(self.add("web_01"))
        live = self.add("web_02")
        self.assertIs(self.jobs.resolve("web"), live)

    def test_of_dead_namesakes_the_newest_is_found(self) -> None:
        job = self.add("web_01")
        self.end(job)
        self.assertIs(self.jobs.resolve("web"), job)
        newer = self.add("web_02")
        newer.create_time += 1
        self.end(newer)
        self.assertIs(self.jobs.resolve("web"), newer)

    def test_nothing_of_that_kind(self) -> None:
        self.assertIn("'x'", self.assert_refused("x", Status.kJobNotFound))
        self.assert_refused("", Status.kInputError)

    def test_a_name_has_one_live_owner(self) -> None:
        job = self.add("web_01")
        self.assertEqual(self.jobs.owner("web"), "web_01")
        self.end(job)
        self.assertIsNone(self.jobs.owner("web"))

    def test_a_name_is_owned_while_its_job_is_being_written(self) -> None:
        self.jobs.reserve("web", "web_01")
        self.assertEqual(self.jobs.owner("web"), "web_01")
        self.jobs.release("web", "web_01")
        self.assertIsNone(self.jobs.owner("web"))

    def test_a_removed_job_leaves_nothing(self) -> None:
        job = self.add("web_01")
        self.jobs.remove(job)
        self.assertIsNone(self.jobs.owner("web"))
        self.assertIsNone(self.jobs.requested(job.request_id))
        self.assert_refused("web", Status.kJobNotFound)

    def test_a_submission_is_remembered(self) -> None:
        job = self.add("web_01")
        self.assertIs(self.jobs.requested("request of web_01"), job)
        self.assertIsNone(self.jobs.requested(""))

    def test_slots(self) -> None:
        job = new_job("web_01", descriptor(replica=2), "", NOW)
        self.jobs.add(job)
        self.cluster.journal.jobs[job] = None
        self.cluster.settle(NOW)
        self.assertEqual(self.jobs.resolve_slot("web.1"), (job, 1))
        for word in ("web.7", "web"):
            with self.assertRaises(GalaxyError) as caught:
                self.jobs.resolve_slot(word)
            self.assertEqual(caught.exception.status, Status.kPodNotFound)
