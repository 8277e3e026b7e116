"""
What the owners of jobs ask of the master while these live: methods of the service Master.

They decide nothing themselves: `update` says what is to become of a job, the
scribe writes it down and lets it be so.
"""

from __future__ import annotations

from galaxy.master.amend import Amendment
from galaxy.master.jobs import Job
from galaxy.master.leader import Leadership
from galaxy.master.reign import Reign
from galaxy.master.update import restarted, scaled, steered, updated
from galaxy.protocol.calls import Call
from galaxy.protocol.master_pb2 import (
    RestartJobRequest,
    RestartJobResponse,
    ResumeJobRequest,
    ResumeJobResponse,
    ScaleJobRequest,
    ScaleJobResponse,
    SteerUpdateRequest,
    SteerUpdateResponse,
    SuspendJobRequest,
    SuspendJobResponse,
    UpdateJobRequest,
    UpdateJobResponse,
)


class SteeringMethods:
    """The part of `MasterService` that changes jobs."""

    _leadership: Leadership

    async def update_job(self, request: UpdateJobRequest, call: Call) -> UpdateJobResponse:
        """Take a job to another description: its pods by steps, all else at once."""
        reign, job = await self._job(request.job_id)

        def wish(job: Job, now: float) -> Amendment | None:
            complete = reign.cluster.is_complete(job)
            return updated(job, request.job, request.breakpoint, complete=complete, now=now)

        actor = call.peer.hello.name
        changed = await reign.scribe.amend(job, wish, actor, request.request_id)
        return UpdateJobResponse(job_id=job.job_id, version=job.latest.name, changed=changed)

    async def steer_update(self, request: SteerUpdateRequest, call: Call) -> SteerUpdateResponse:
        """Pause an update, let it go on, or go back."""
        reign, job = await self._job(request.job_id)

        def wish(job: Job, now: float) -> Amendment | None:
            complete = reign.cluster.is_complete(job)
            return steered(job, request.steering, request.version, complete=complete, now=now)

        await reign.scribe.amend(job, wish, call.peer.hello.name, request.request_id)
        return SteerUpdateResponse(job_id=job.job_id, version=job.latest.name)

    async def scale_job(self, request: ScaleJobRequest, call: Call) -> ScaleJobResponse:
        """Another number of replicas."""
        reign, job = await self._job(request.job_id)
        await reign.scribe.amend(
            job, lambda job, _: scaled(job, request.replica), call.peer.hello.name
        )
        return ScaleJobResponse(job_id=job.job_id)

    async def restart_job(self, request: RestartJobRequest, call: Call) -> RestartJobResponse:
        """Restart every pod, by steps, with nobody's terminal open."""
        reign, job = await self._job(request.job_id)
        await reign.scribe.amend(
            job,
            lambda job, now: restarted(job, request.step, now),
            call.peer.hello.name,
            request.request_id,
        )
        return RestartJobResponse(job_id=job.job_id)

    async def suspend_job(self, request: SuspendJobRequest, call: Call) -> SuspendJobResponse:
        """Stop every pod of a job, and keep the job."""
        reign, job = await self._job(request.job_id)
        await reign.scribe.suspend(job, call.peer.hello.name)
        return SuspendJobResponse(job_id=job.job_id)

    async def resume_job(self, request: ResumeJobRequest, call: Call) -> ResumeJobResponse:
        """Let a suspended job run again."""
        reign, job = await self._job(request.job_id)
        await reign.scribe.resume(job, call.peer.hello.name)
        return ResumeJobResponse(job_id=job.job_id)

    async def _job(self, word: str) -> tuple[Reign, Job]:
        reign = await self._leadership.reigning()
        return reign, reign.cluster.jobs.resolve(word)
