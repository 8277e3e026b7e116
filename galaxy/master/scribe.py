"""
Writes down what is to be, and then lets it be so.

Whatever must outlive this master passes here: it is on stable storage before the
picture changes and before anybody is answered. What a person asked for fails
with kPersistenceError; what the master wants itself is tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy import names
from galaxy.master.amend import Amendment, asked_by
from galaxy.master.cluster import Balance, Cluster
from galaxy.master.ends import evidence, finish
from galaxy.master.jobs import ENDED, JOB_STATES, Job, turn
from galaxy.master.progress import progress
from galaxy.master.store import Store
from galaxy.master.stored import (
    amendment_changes,
    finished_puts,
    job_deletes,
    job_put,
    new_job_puts,
)
from galaxy.master.submission import check_submission, new_job
from galaxy.master.system import find_homes
from galaxy.master.update import check_lives
from galaxy.master.work import Work, shared
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    JobState,
    Status,
    kJobNormal,
    kJobSuspended,
    kJobTerminated,
)
from galaxy.turns import Turns

T = TypeVar("T")


class Scribe:
    """
    One reign's changes of what is stored. `changed()` is called after each.

    Records of jobs are written one after the other, so that no late write of a
    job brings back one that was deleted.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        clock: IReactorTime,
        store: Store,
        cluster: Cluster,
        rng: Random,
        changed: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._store = store
        self._cluster = cluster
        self._rng = rng
        self._changed = changed
        self._records = Turns()
        self._submissions: dict[str, Work[Job]] = {}
        self._writing: set[Job] = set()  # those whose end is being written
        self._unended: dict[Job, None] = {}  # those whose end could not be written
        self._unrecorded: dict[Job, None] = {}  # those with ended indexes that could not

    # -- what others ask for -----------------------------------------------------------

    def submit(self, asked: JobDescriptor, request_id: str, actor: str) -> Deferred[Job]:
        """The job that a submission makes, or made when it was asked for before."""
        made = self._cluster.jobs.requested(request_id)
        if made is not None:
            return succeed(made)
        if not request_id:
            return Work(Deferred.fromCoroutine(self._submit(asked, "", actor))).wait()
        return shared(self._submissions, request_id, lambda: self._submit(asked, request_id, actor))

    async def _submit(self, asked: JobDescriptor, request_id: str, actor: str) -> Job:
        jobs = self._cluster.jobs
        check_submission(jobs, asked)
        job_id = names.job_id(asked.name, self._rng.getrandbits(48))
        job = new_job(job_id, asked, request_id, self._clock.seconds())
        jobs.reserve(job.name, job_id)
        try:
            await self._store.save(new_job_puts(job))
        finally:
            jobs.release(job.name, job_id)
        jobs.add(job)
        find_homes(job, self._cluster.fleet)
        self._cluster.journal.job(job, None, "submitted", actor, self._clock.seconds())
        self._changed()
        return job

    def terminate(self, job: Job, actor: str) -> Deferred[None]:
        """End a job; fires when that is on record. Stopping its pods follows."""
        return Work(self._take_state(job, kJobTerminated, "killed", actor)).wait()

    def amend(
        self,
        job: Job,
        wish: Callable[[Job, float], Amendment | None],
        actor: str,
        request_id: str = "",
    ) -> Deferred[bool]:
        """
        Change what is wanted of a job; whether there was anything to change.

        `wish(job, now)` says what, when the job's turn has come; it may refuse
        with GalaxyError. Fires when that is on record. A repeat of a request
        that was carried out, in this reign or an earlier one, changes nothing.
        """
        return Work(self._records.run(self._amend(job, wish, actor, request_id))).wait()

    async def _amend(
        self,
        job: Job,
        wish: Callable[[Job, float], Amendment | None],
        actor: str,
        request_id: str,
    ) -> bool:
        if self._cluster.jobs.get(job.job_id) is not job:
            raise GalaxyError(Status.kJobNotFound, f"there is no job {job.job_id} any more")
        if request_id in job.requests:
            return True
        amendment = wish(job, self._clock.seconds())
        if amendment is None:
            return False
        amendment = asked_by(amendment, request_id)
        await self._store.save(amendment_changes(job, amendment, self._clock.seconds()))
        self._cluster.amend(job, amendment, actor, self._clock.seconds())
        self._changed()
        return True

    def suspend(self, job: Job, actor: str) -> Deferred[None]:
        """Stop a job's pods, and keep the job. It is refused if the job lives no more by then."""
        reason = f"suspended by {actor}"
        return self._change_living(job, "suspended", kJobSuspended, reason, actor)

    def resume(self, job: Job, actor: str) -> Deferred[None]:
        """Let a job run that was suspended. It is refused if the job lives no more by then."""
        return self._change_living(job, "resumed", kJobNormal, "", actor)

    def _change_living(
        self, job: Job, called: str, state: JobState, reason: str, actor: str
    ) -> Deferred[None]:
        async def change() -> None:
            check_lives(job, called)
            await self._write_state(job, state, reason, actor)

        return Work(self._records.run(change())).wait()

    # -- what the master wants itself --------------------------------------------------

    def slots_ended(self, job: Job) -> None:
        """Record the indexes that the job's agents say have ended; then believe it."""
        indexes = frozenset(job.finishing)
        if job.evidence or not evidence(job, indexes):
            done = Deferred.fromCoroutine(self._slots_ended(job, indexes))
        else:
            # The first failure is worth a word in the job's record.
            done = self._records.run(self._slots_ended(job, indexes))
        done.addErrback(self._try_again, job, self._unrecorded)

    async def _slots_ended(self, job: Job, indexes: frozenset[int]) -> None:
        if self._cluster.jobs.get(job.job_id) is not job:
            return  # nothing of it is to be on record any more
        first = "" if job.evidence else evidence(job, indexes)
        record = [job_put(job, evidence=first)] if first else []
        await self._store.save([*finished_puts(job, indexes), *record])
        finish(self._cluster.journal, job, indexes, self._clock.seconds())
        self._changed()

    def write_down(self, balance: Balance) -> None:
        """Carry out what settling asked for; what is being carried out already is not repeated."""
        for job, lack in balance.ended:
            assert lack.state is not None
            if self._begins(job):
                self._ends(job, self._take_state(job, lack.state, lack.why, "master"))
        for job in balance.amended:
            if self._begins(job):
                self._ends(job, self.amend(job, progress, "master").addCallback(_nothing))
        for job in balance.forgotten:
            self.forget(job)

    def forget(self, job: Job) -> None:
        """Delete a job, and drop it."""
        if self._begins(job):
            self._ends(job, self._records.run(self._forget(job)))

    async def _forget(self, job: Job) -> None:
        if self._cluster.jobs.get(job.job_id) is job:
            await self._store.save(job_deletes(job))
            self._cluster.drop(job, self._clock.seconds())
            self._changed()

    def try_again(self) -> None:
        """What could not be written a while ago."""
        # The very dict stays: writes that are on their way will note in it that they failed.
        unrecorded = tuple(self._unrecorded)
        self._unrecorded.clear()
        for job in unrecorded:
            self.slots_ended(job)
        self._cluster.journal.jobs.update(self._unended)
        self._unended.clear()

    def _begins(self, job: Job) -> bool:
        if job in self._writing:
            return False
        self._writing.add(job)
        return True

    def _ends(self, job: Job, writing: Deferred[None]) -> None:
        def done(result: T) -> T:
            self._writing.discard(job)
            return result

        writing.addBoth(done).addErrback(self._try_again, job, self._unended)

    def _try_again(self, failure: Failure, job: Job, later: dict[Job, None]) -> None:
        failure.trap(GalaxyError)
        self._log.warn(
            "job {job_id}: {error}; it will be tried again", job_id=job.job_id, error=failure.value
        )
        later[job] = None

    # -- records -----------------------------------------------------------------------

    def _take_state(self, job: Job, state: JobState, reason: str, actor: str) -> Deferred[None]:
        return self._records.run(self._write_state(job, state, reason, actor))

    async def _write_state(self, job: Job, state: JobState, reason: str, actor: str) -> None:
        """Write a job's next state, then take it. What cannot follow any more is not wanted."""
        if state not in JOB_STATES[job.state] or self._cluster.jobs.get(job.job_id) is not job:
            return
        now = self._clock.seconds()
        end_time = now if state in ENDED else job.end_time
        await self._store.save(
            [job_put(job, state=state, reason=reason, update_time=now, end_time=end_time)]
        )
        turn(self._cluster.journal, job, state, reason, actor, now)
        self._cluster.note_end(job)
        self._changed()


def _nothing(_: object) -> None:
    """Whatever it was, nobody asks."""
