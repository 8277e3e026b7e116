"""What the nexus keeps is what was."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.amend import amend, as_it_is
from galaxy.master.events import Journal
from galaxy.master.jobs import Job, Version
from galaxy.master.stored import (
    Incomplete,
    amendment_changes,
    chunks_by_job,
    finished_puts,
    job_deletes,
    job_put,
    new_job_puts,
    read_finished,
    read_job,
)
from galaxy.master.submission import new_job
from galaxy.master.update import updated
from galaxy.nexus.interfaces import Delete, Entry, Put
from galaxy.nexus.keys import check_changes
from galaxy.protocol.types_pb2 import kBatch, kJobFinished
from galaxy.stored import CHUNK, examined
from tests.master.examples import NOW, descriptor


def entries(puts: tuple[Put, ...]) -> dict[str, Entry]:
    """As the nexus would hold them."""
    check_changes(puts)
    return {put.key: Entry(put.value, 1) for put in puts}


def read_back(job: Job, finished: tuple[Put, ...] = ()) -> Job:
    """The job as another master reads it."""
    kept = entries(new_job_puts(job))
    return read_job(kept[f"jobs/{job.job_id}"].value, kept, entries(finished).values())


class StoredTests(SynchronousTestCase):
    """Jobs and agents, there and back."""

    def job(self, replica: int = 3) -> Job:
        asked = descriptor("web site", type=kBatch, replica=replica, priority=7, labels=("b", "a"))
        return new_job("web_01", asked, "r1", NOW)

    def test_a_job_is_read_as_it_was_written(self) -> None:
        job = self.job()
        again = read_back(job)
        for name in (
            "job_id", "descriptor", "state", "request_id", "create_time", "update_time",
            "name", "user", "type", "priority", "replica", "deploy_step", "max_per_host",
        ):  # fmt: skip
            self.assertEqual(getattr(again, name), getattr(job, name), name)
        self.assertEqual(again.latest.pod, job.latest.pod)
        self.assertEqual(again.latest.requirement, job.latest.requirement)
        self.assertTrue(again.loaded)

    def test_what_was_written_is_sound_for_who_checks_it(self) -> None:
        job = self.job(3 * CHUNK)
        job.finished |= {0, CHUNK, 3 * CHUNK - 1, 3 * CHUNK + 5}
        job.failed |= {1}
        puts = (*new_job_puts(job), *finished_puts(job, job.finished))
        finding = examined({put.key: put.value for put in puts})
        self.assertEqual(finding.problems, ())
        self.assertEqual(
            (finding.counts["jobs"], finding.counts["versions"], finding.counts["finished"]),
            (1, 1, 4),
        )

    def test_what_is_to_be_is_written_before_it_is(self) -> None:
        job = self.job()
        put = job_put(job, state=kJobFinished, reason="done")
        again = read_job(put.value, entries(new_job_puts(job)), ())
        self.assertEqual((again.state, again.reason), (kJobFinished, "done"))
        self.assertNotEqual(job.state, kJobFinished)

    def test_an_amended_job_is_read_as_it_was_written(self) -> None:
        """With its versions, its update, its generation: in a new reign all goes on."""
        job = self.job()
        asked = descriptor("web site", type=kBatch, replica=9, labels=("c",))
        amendment = updated(job, asked, 4, complete=True, now=NOW)
        assert amendment is not None
        amendment = evolve(amendment, generation=3, restart_step=2)
        kept = entries(new_job_puts(job))
        for change in amendment_changes(job, amendment, NOW):
            assert isinstance(change, Put)
            kept[change.key] = Entry(change.value, 2)
        amend(Journal(), job, amendment, "ada", NOW)
        again = read_job(kept[f"jobs/{job.job_id}"].value, kept, ())
        for name in ("descriptor", "replica", "update", "generation", "restart_step"):
            self.assertEqual(getattr(again, name), getattr(job, name), name)
        self.assertEqual(
            [(version.number, version.name, version.pod) for version in again.versions],
            [(version.number, version.name, version.pod) for version in job.versions],
        )

    def test_a_version_that_is_not_kept_is_deleted(self) -> None:
        job = self.job()
        (first,) = job.versions
        second = Version.of(2, first.pod, NOW)
        changes = amendment_changes(job, evolve(as_it_is(job, ""), versions=(second,)), NOW)
        self.assertIn(Delete("versions/web_01/1"), changes)

    def test_a_description_is_stored_apart(self) -> None:
        keys = [put.key for put in new_job_puts(self.job())]
        self.assertEqual(keys, ["versions/web_01/1", "jobs/web_01"])

    def test_a_description_that_is_not_there_is_named(self) -> None:
        (put,) = [put for put in new_job_puts(self.job()) if put.key.startswith("jobs/")]
        with self.assertRaisesRegex(Incomplete, "versions/web_01/1"):
            read_job(put.value, {}, ())

    @settings(deadline=None)
    @given(
        finished=st.sets(st.integers(0, 3 * CHUNK)),
        finishing=st.sets(st.integers(0, 3 * CHUNK), min_size=1),
        failing=st.sets(st.integers(0, 3 * CHUNK)),
    )
    def test_ended_indexes_are_read_as_they_were_written(
        self, finished: set[int], finishing: set[int], failing: set[int]
    ) -> None:
        """Safety: also those of the chunk that had ended before; those that failed apart."""
        job = self.job(3 * CHUNK)
        finished -= failing
        job.finished = finished
        puts = finished_puts(job, finished) if finished else ()
        finishing -= failing
        job.failing = dict.fromkeys(failing, "exit 1")
        finishing = job.finishing = finishing | failing
        puts = tuple({put.key: put for put in (*puts, *finished_puts(job, finishing))}.values())
        again = read_back(job, puts)
        self.assertEqual(
            (again.finished, again.failed), ((finished | finishing) - failing, failing)
        )

    def test_each_job_has_its_own(self) -> None:
        one = new_job("web_01", descriptor(type=kBatch, replica=2 * CHUNK), "", NOW)
        other = new_job("web_010", descriptor(type=kBatch, replica=2), "", NOW)
        one.finished, other.finished = {0, CHUNK}, {1}
        chunks = chunks_by_job(
            entries((*finished_puts(one, one.finished), *finished_puts(other, other.finished)))
        )
        read = {
            job_id: [read_finished(entry.value)[0] for entry in found]
            for job_id, found in chunks.items()
        }
        self.assertEqual(read, {"web_01": [{0}, {CHUNK}], "web_010": [{1}]})

    def test_deleting_leaves_nothing(self) -> None:
        job = self.job()
        job.finished = {0}
        deleted = {delete.key for delete in job_deletes(job)}
        written = {put.key for put in (*new_job_puts(job), *finished_puts(job, [0]))}
        self.assertEqual(deleted, written)
