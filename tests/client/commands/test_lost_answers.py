"""Commands against a real master that carries them out, and whose answers get lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result
from google.protobuf.message import Message
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import JobOverview, ListJobsRequest, TerminateJobRequest
from galaxy.protocol.methods import Method
from galaxy.protocol.statuses import GalaxyError
from tests.client.memory import JOB, MemoryCluster, MemoryPeer
from tests.master.examples import descriptor
from tests.master.test_service import World


class LossyMaster(MemoryPeer):
    """
    A real master's methods. The answer to the first that changes something is lost, and then
    `meanwhile` happens.
    """

    def __init__(self, world: World, meanwhile: Callable[[], object]) -> None:
        super().__init__({})
        self.lost = False
        self._world = world
        self._meanwhile = meanwhile

    def call(self, method: Method, request: Message, *, deadline_s: float, epoch: int = 0) -> Any:
        answer = self._world.do(getattr(self._world.stub, method.python_name)(request))
        if self.lost or method.python_name == "show_job":
            return answer
        self.lost = True
        self._meanwhile()
        raise GalaxyError(pb.kRpcError, "the connection was lost")


class LostAnswerTests(SynchronousTestCase):
    """A command that is repeated has the effect that it had at first, and says so."""

    def setUp(self) -> None:
        self.world = World()
        self.agent = self.world.agent()
        self.job_id = self.world.run()

    def run_command(
        self, *arguments: str, meanwhile: Callable[[], object] = lambda: None
    ) -> Result:
        """What `galaxy ARGUMENTS` says and how it ends, with its first answer lost."""
        master = LossyMaster(self.world, meanwhile)
        result = MemoryCluster({"m:1": master}).run(*arguments)
        self.assertTrue(master.lost, result.output)
        return result

    def jobs(self) -> list[JobOverview]:
        return list(self.world.do(self.world.stub.list_jobs(ListJobsRequest())).jobs)

    def end(self) -> None:
        """Its pods come to their end, and it is forgotten."""
        self.world.do(self.world.stub.terminate_job(TerminateJobRequest(job_id=self.job_id)))
        self.world.advance(2)

    def submit_again(self) -> None:
        """The job is forgotten, and somebody submits another of its name."""
        self.world.advance(2)
        self.job_id = self.world.run()

    def replace(self) -> None:
        """Somebody kills the job, and submits another of its name."""
        self.end()
        self.submit_again()

    def test_a_kill_ends_no_older_job_of_the_name(self) -> None:
        """Safety: the one that has finished is there to be looked at."""
        self.end()
        self.world.run(descriptor(type=pb.kBatch))
        self.agent.advance(pb.kPodFinish)
        self.world.advance(2)
        (old,) = self.jobs()
        self.assertEqual(old.state, pb.kJobFinished)
        job_id = self.world.run()
        result = self.run_command("kill", "-j", "web", meanwhile=lambda: self.world.advance(2))
        self.assertEqual(result.stdout, f"terminate job {job_id} successfully\n")
        self.world.advance(2)
        self.assertEqual([job.job_id for job in self.jobs()], [old.job_id])

    def test_a_kill_ends_no_later_job_of_the_name(self) -> None:
        killed = self.job_id
        result = self.run_command("kill", "web", meanwhile=self.submit_again)
        self.assertEqual(result.stdout, f"terminate job {killed} successfully\n")
        self.world.advance(2)
        (job,) = self.jobs()
        self.assertEqual((job.job_id, job.running), (self.job_id, 3))

    def test_a_kill_that_finds_the_job_gone_is_done(self) -> None:
        result = self.run_command("kill", "web", meanwhile=lambda: self.world.advance(2))
        self.assertEqual(result.exit_code, 0, result.stderr)
        self.assertNotIn("not known", result.stderr)
        self.assertEqual(self.jobs(), [])

    def test_nothing_befalls_a_later_job_of_the_name(self) -> None:
        """Safety: and it is said that nobody knows whether the first try came through."""
        for words in ("scale web 1", "suspend web", "restart web"):
            with self.subTest(words=words):
                meant = self.job_id
                result = self.run_command(*words.split(), meanwhile=self.replace)
                self.assertEqual(result.exit_code, 5)
                self.assertIn(f"look with `galaxy show {meant}`", result.stderr)
                (job,) = self.jobs()
                self.assertEqual((job.state, job.replica), (pb.kJobNormal, 3))
                self.assertEqual(self.world.cluster().jobs.resolve("web").generation, 0)

    def test_an_update_whose_answer_was_lost_has_changed_something(self) -> None:
        file = Path(self.mktemp())
        file.write_text(JOB.replace('"x"', '"web"'))
        result = self.run_command("update", "-j", "web", "-f", str(file), "-o", "json")
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertTrue(json.loads(result.stdout)["changed"])
