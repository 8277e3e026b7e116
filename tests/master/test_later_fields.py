"""
What the next release says inside messages, this one keeps on all its ways.

Which messages there are is found by walking the descriptors: who adds one puts it into
`everything`, or has `LaterFieldsTests.run_everything` store it.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from galaxy.nexus.interfaces import Entry
from galaxy.protocol.master_pb2 import (
    LabelAgentsRequest,
    OfflineAgentRequest,
    RestartJobRequest,
    ScaleJobRequest,
    SteerUpdateRequest,
    SubmitJobRequest,
    SwitchSafeModeRequest,
    UpdateJobRequest,
    kLabelSet,
    kSteerContinue,
    kSteerPause,
    kSteerRollback,
)
from galaxy.protocol.types_pb2 import (
    HealthCheck,
    JobDescriptor,
    Port,
    Tmpfs,
    Volume,
    kBatch,
    kPodFinish,
)
from galaxy.stored import AGENTS, CLUSTER, FINISHED, JOBS, LABELS, SAFE_MODE, VERSIONS, record_of
from tests.master.examples import descriptor
from tests.master.test_service import ADDRESS, MasterTests
from tests.releases import kinds, marked, of_next_release, tomorrows

RECORDS = (JOBS, VERSIONS, FINISHED, AGENTS, LABELS, SAFE_MODE, CLUSTER)


def everything() -> JobDescriptor:
    """A sound job with at least one of every message that a job may have."""
    job = descriptor(replica=1, ports=[80])
    job.update.min_healthy_s = 1
    (task,) = job.pod.tasks
    task.health.CopyFrom(HealthCheck(command="true"))
    for number, requirement in enumerate((job.pod.requirement, task.requirement)):
        requirement.disks.append(Volume(quota=1 << 20, path=f"/data{number}"))
        requirement.ssds.append(Volume(quota=1 << 20, path=f"/fast{number}"))
        requirement.tmpfs.CopyFrom(Tmpfs(size=1 << 20, path=f"/quick{number}"))
    job.pod.requirement.memory *= 2
    task.requirement.ports.append(Port(port=81))
    return job


def present(message: Any) -> set[str]:
    """The names of the kinds of all messages in this one."""
    found = {message.DESCRIPTOR.name}
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in value if field.is_repeated else [value]:
                found |= present(item)
    return found


def as_next(message: Message) -> Any:
    """The message as the next release reads it."""
    return of_next_release(type(message)).FromString(message.SerializeToString())


def words(message: Any) -> set[str]:
    """What only the next release can say, and does."""
    return {word for _, word in tomorrows(message)}


class LaterFieldsTests(MasterTests):
    """Masters and agents of this release, after clients and masters of the next."""

    def setUp(self) -> None:
        super().setUp()
        self.a = self.world.agent("a")
        self.a.said.total.disks.add(quota=1 << 40)
        self.a.said.total.ssds.add(quota=1 << 40)

    def fail_over(self) -> None:
        """Another master, which reads what this one wrote."""
        self.world.restart_master()
        self.world.do(self.a.connect(self.world.network, ADDRESS))
        self.world.advance(3)

    def record(self, key: str) -> Any:
        """What stands there, as the next release reads it."""
        return as_next(record_of(key, self.world.ensemble.entries[key].value))

    def test_job(self) -> None:
        """From the client to the agent, through changes of it and another reign."""
        asked = marked(as_next(everything()))
        self.assertEqual(present(asked), kinds(JobDescriptor.DESCRIPTOR))
        of_pod = words(asked.pod)
        request = SubmitJobRequest(job=JobDescriptor.FromString(asked.SerializeToString()))
        job_id = self.world.do(self.world.stub.submit_job(request)).job_id
        self.fail_over()
        self.world.do(self.world.stub.scale_job(ScaleJobRequest(job_id=job_id, replica=2)))
        self.fail_over()
        self.world.schedule()
        self.assertEqual(len(self.a.pods), 1)
        for told in self.a.descriptions.values():
            self.assertEqual(words(as_next(told.pod)), of_pod)
        asked.ClearField("pod")
        stored = self.record(f"jobs/{job_id}").descriptor_without_pod
        self.assertEqual(words(stored), words(asked))
        self.assertEqual(words(self.record(f"versions/{job_id}/1")), of_pod)

    def test_records(self) -> None:
        """All that a master of the next release wrote, through changes of each record."""
        web = self.run_everything()
        keys = set(self.world.ensemble.entries)
        self.assertEqual({key.partition("/")[0] for key in keys}, set(RECORDS))
        self.world.stop_master()
        before, there, known = {}, set[str](), set[str]()
        for key in keys:
            later = marked(self.record(key), key)
            before[key] = words(later)
            there |= present(later)
            known |= kinds(later.DESCRIPTOR)
            self.world.ensemble.entries[key] = Entry(later.SerializeToString(), 9)
        self.assertEqual(there, known)
        versions = self.words_of_versions(web)
        self.fail_over()
        self.change_all(web)
        self.fail_over()
        after = {key: words(self.record(key)) for key in keys}
        self.assertEqual(after, before)
        self.assertEqual(self.words_of_versions(web), versions)

    def test_update_that_goes_on(self) -> None:
        """What was said of it is on record until another begins, also when it is over."""
        web = self.run_everything()
        self.world.stop_master()
        key = f"jobs/{web}"
        later = marked(self.record(key), key)
        self.world.ensemble.entries[key] = Entry(later.SerializeToString(), 9)
        self.fail_over()
        self.world.do(self.world.stub.switch_safe_mode(SwitchSafeModeRequest(enter=False)))
        self.steer(web, kSteerContinue)
        self.world.advance(3)
        self.a.run_all()
        self.world.advance(3)
        update = self.record(key).update
        self.assertEqual((update.state, update.tomorrow), (0, later.update.tomorrow))
        self.steer(web, kSteerRollback)
        self.assertEqual(self.record(key).update.tomorrow, "")

    def run_everything(self) -> str:
        """Have one record of each kind, and in them of each message; the job that is updated."""
        web = self.world.run(everything())
        self.world.run(descriptor("count", type=kBatch, replica=2))
        self.finish(0)
        asked = everything()
        asked.pod.tasks[0].start_command = "sleep 2000"
        self.world.do(self.world.stub.update_job(UpdateJobRequest(job_id=web, job=asked)))
        self.steer(web, kSteerPause)
        self.label("a:8221")
        self.world.do(self.world.stub.switch_safe_mode(SwitchSafeModeRequest(enter=True)))
        return web

    def change_all(self, web: str) -> None:
        """Have every record written anew that can be."""
        commits = len(self.world.nexus.commits)
        self.world.do(self.world.stub.scale_job(ScaleJobRequest(job_id=web, replica=1)))
        self.world.do(self.world.stub.scale_job(ScaleJobRequest(job_id="count", replica=4)))
        self.steer(web, kSteerContinue)
        self.world.do(self.world.stub.restart_job(RestartJobRequest(job_id=web)))
        self.steer(web, kSteerPause)
        self.label("a:8221", "b:8221")
        self.world.do(self.world.stub.offline_agent(OfflineAgentRequest(endpoint="a:8221")))
        self.finish(1)
        written = {
            change.key.partition("/")[0]
            for changes, _ in self.world.nexus.commits[commits:]
            for change in changes
        }
        # Descriptions are written once; safe mode stands until somebody leaves it.
        self.assertEqual(written, {JOBS, FINISHED, AGENTS, LABELS})

    def finish(self, index: int) -> None:
        """An index of the batch ends."""
        self.a.advance(kPodFinish, job_id=self.world.job("count").job_id, index=index)
        self.world.advance(1)

    def label(self, *endpoints: str) -> None:
        """These carry the label."""
        request = LabelAgentsRequest(label="ssd", change=kLabelSet, endpoints=endpoints)
        self.world.do(self.world.stub.label_agents(request))

    def steer(self, job_id: str, steering: Any) -> None:
        """Hold the update, let it go on, or take it back."""
        request = SteerUpdateRequest(job_id=job_id, steering=steering)
        self.world.do(self.world.stub.steer_update(request))

    def words_of_versions(self, job_id: str) -> dict[int, str]:
        """What is said of each version in the job's record."""
        return {each.number: each.tomorrow for each in self.record(f"jobs/{job_id}").versions}
