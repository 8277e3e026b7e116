"""Commands against a master in memory: what is asked, what is printed, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.agent_pb2 import LogChunk, ReadLogRequest
from galaxy.protocol.master_pb2 import (
    Event,
    Events,
    GetStatusResponse,
    JobOverview,
    ListAgentsResponse,
    ListJobsResponse,
    PodOverview,
    ShowJobResponse,
    ShowPodRequest,
    ShowPodResponse,
    ShowTaskResponse,
    SubmitJobRequest,
    SubmitJobResponse,
    TerminateJobResponse,
)
from galaxy.protocol.statuses import GalaxyError
from tests.client.memory import JOB, MemoryCluster, MemoryPeer, X, in_turn, refuse


class ReadingTests(SynchronousTestCase):
    """`jobs`, `pods`, `tasks`, `agents`, `status`, `show`."""

    def test_each_prints_json(self) -> None:
        cluster = MemoryCluster.with_master(
            list_jobs=in_turn(ListJobsResponse(jobs=[JobOverview(job_id="x_1")])),
            show_job=in_turn(ShowJobResponse(job=JobOverview(job_id="x_1"))),
            show_pod=in_turn(ShowPodResponse(pods=[PodOverview(pod_id="x_1.0")])),
            show_task=in_turn(ShowTaskResponse()),
            watch_events=in_turn([Events(events=[Event(job_id="x_1", indexes=[0])])]),
            list_agents=in_turn(ListAgentsResponse()),
            get_status=in_turn(GetStatusResponse(leader="m:1")),
        )
        cases: list[tuple[tuple[str, ...], Callable[[Any], Any], Any]] = [
            (("jobs",), lambda answer: answer[0]["job_id"], "x_1"),
            (("show", "x"), lambda answer: answer["pods"][0]["pod_id"], "x_1.0"),
            (("show", "x"), lambda answer: answer["events"][0]["pod_id"], "x_1.0"),
            (("pods", "-j", "x"), lambda answer: answer[0]["pod_id"], "x_1.0"),
            (("tasks", "-p", "x.0"), lambda answer: answer, []),
            (("agents",), lambda answer: answer, []),
            (("status",), lambda answer: answer["leader"], "m:1"),
        ]
        for arguments, pick, expected in cases:
            with self.subTest(arguments=arguments):
                result = cluster.run(*arguments, "-o", "json")
                self.assertEqual(result.exit_code, 0, result.output)
                self.assertEqual(pick(json.loads(result.stdout)), expected)

    def test_the_selectors_of_pods(self) -> None:
        cluster = MemoryCluster.with_master(show_pod=in_turn(ShowPodResponse()))
        cluster.run("pods", "-n", "x", "-e", "a:1")
        self.assertEqual(
            cluster.peers["m:1"].asked, [("show_pod", ShowPodRequest(name="x", endpoint="a:1"))]
        )
        self.assertEqual(cluster.run("pods").exit_code, 2)
        self.assertEqual(cluster.run("tasks").exit_code, 2)

    def test_who_finds_none_is_told_of_the_dead(self) -> None:
        cluster = MemoryCluster.with_master(
            show_pod=in_turn(ShowPodResponse()), show_task=in_turn(ShowTaskResponse())
        )
        for words, said in (("-j x", True), ("-j x --dead", False), ("-e a:1", False)):
            for command in ("pods", "tasks"):
                with self.subTest(command=command, words=words):
                    result = cluster.run(command, *words.split(), "-o", "json")
                    self.assertEqual((result.exit_code, result.stdout), (0, "[]\n"))
                    self.assertEqual("--dead" in result.stderr, said)

    def test_silent_agents_are_named_on_stderr(self) -> None:
        answer = ShowPodResponse(silent_agents=["a:1", "b:1"])
        result = MemoryCluster.with_master(show_pod=in_turn(answer)).run("pods", "-j", "x")
        self.assertIn("a:1, b:1", result.stderr)
        self.assertNotIn("a:1", result.stdout)

    def test_counts_that_lack_agents_are_told_of(self) -> None:
        """A script that reads `running` must not believe in an outage after a fail-over."""
        jobs = [JobOverview(job_id="a", awaited=2), JobOverview(job_id="b")]
        cluster = MemoryCluster.with_master(list_jobs=in_turn(ListJobsResponse(jobs=jobs)))
        result = cluster.run("jobs", "-o", "json")
        self.assertEqual([job["known"] for job in json.loads(result.stdout)], [False, True])
        self.assertIn("2 of the agents have not reported to this master yet", result.stderr)

    def test_d_asks_again(self) -> None:
        answers = [ListJobsResponse(), ListJobsResponse()]

        def answer(_request: Any) -> ListJobsResponse:
            if not answers:
                raise KeyboardInterrupt
            return answers.pop()

        cluster = MemoryCluster.with_master(list_jobs=answer)
        result = cluster.run("jobs", "-d", "5", "-o", "json")
        self.assertEqual((result.exit_code, cluster.now), (130, 1010.0))
        self.assertEqual(result.stdout.count("[]"), 2)

    def test_an_empty_name_is_two_and_nobody_is_asked(self) -> None:
        """Safety: `kill -j $JOB` with a variable that is not set means no job, not any."""
        for words in (
            *("show", "why", "logs", "suspend", "resume", "restart", "kill -j", "kill"),
            *("pods -j", "pods -e", "tasks -p", "events -j", "update --pause -j", "offline -e"),
        ):
            with self.subTest(words=words):
                cluster = MemoryCluster()
                self.assertEqual(cluster.run(*words.split(), "").exit_code, 2)
                self.assertEqual(cluster.dialled, [])

    def test_an_address_that_is_none_is_two(self) -> None:
        for address in ("garbage", "host:", "host:99999", ":1", ","):
            with self.subTest(address=address):
                result = MemoryCluster().run("jobs", GALAXY_MASTER=address)
                self.assertEqual(result.exit_code, 2)
                self.assertIn("GALAXY_MASTER", result.stderr)
                self.assertIn("HOST:PORT", result.stderr)

    def test_a_refusal_is_a_sentence_and_a_code(self) -> None:
        cases = [(pb.kPermission, 6), (pb.kSafeMode, 4), (pb.kDeadline, 9)]
        for status, code in cases:
            cluster = MemoryCluster.with_master(show_job=refuse(status, "because"))
            result = cluster.run("show", "x")
            self.assertEqual((result.exit_code, result.stdout), (code, ""))
            self.assertEqual(result.stderr, f"galaxy: {pb.Status.Name(status)}: because\n")

    def test_who_names_what_is_not_there_is_told_where_to_look(self) -> None:
        cluster = MemoryCluster.with_master(show_job=refuse(pb.kJobNotFound, "there is no job 'x'"))
        result = cluster.run("show", "x")
        self.assertEqual(result.exit_code, 5)
        self.assertEqual(
            result.stderr,
            "galaxy: kJobNotFound: there is no job 'x'; `galaxy jobs` lists those there are\n",
        )

    def test_a_settings_file_that_cannot_be_read_is_three(self) -> None:
        for arguments, environ in ((("--config", "/none"), {}), ((), {"GALAXY_CONFIG": "/none"})):
            result = MemoryCluster().run(*arguments, "jobs", **{"GALAXY_MASTER": "", **environ})
            self.assertEqual(result.exit_code, 3)
            self.assertEqual(
                result.stderr,
                "galaxy: cannot read the settings file /none: No such file or directory\n",
            )

    def test_silence_is_never_taken_for_a_yes(self) -> None:
        """Galaxy 2 reported success when it could not reach the master (§12.3, 19)."""
        directory = Path(self.mktemp())
        directory.mkdir()
        job = directory / "job.json"
        job.write_text(JOB)
        for words in (
            *("jobs", "show x", "pods -j x", "tasks -j x", "agents", "status", "why x", "events"),
            *("kill -j x", "scale x 3", "suspend x", "resume x", "restart x", "logs x"),
            *("update -j x --pause", "update -j x --rollback", "label -l a -e a:1"),
            *("offline -e a:1", "online -e a:1", "enter safemode", "leave safemode"),
            *(f"submit -f {job}", f"update -j x -f {job}", f"plan -f {job}"),
        ):
            with self.subTest(words=words):
                result = MemoryCluster().run(*words.split())
                self.assertEqual((result.exit_code, result.stdout), (7, ""))
                self.assertIn("no master answers at m:1", result.stderr)

    def test_the_flag_may_stand_before_or_after_the_command(self) -> None:
        for arguments in (("--master", "o:1", "jobs"), ("jobs", "--master", "o:1")):
            cluster = MemoryCluster()
            cluster.run(*arguments)
            self.assertEqual(cluster.dialled, ["o:1"])


class SubmitTests(SynchronousTestCase):
    """`submit` and `kill`."""

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.file = directory / "job.json"
        self.file.write_text(JOB)

    def submit(self, cluster: MemoryCluster, *options: str) -> Any:
        """Submit this test's file."""
        return cluster.run("submit", "-f", str(self.file), *options)

    def cluster(self, *overviews: JobOverview) -> MemoryCluster:
        """A master that takes the job and shows it in these states, one after the other."""
        return MemoryCluster.with_master(
            submit_job=in_turn(SubmitJobResponse(job_id="x_1", version="v")),
            show_job=in_turn(*(ShowJobResponse(job=overview) for overview in overviews)),
            show_pod=in_turn(ShowPodResponse(pods=[PodOverview(pod_id="x_1.0", reason="no cpu")])),
        )

    def test_the_answer_names_the_job(self) -> None:
        result = self.submit(self.cluster(), "-o", "json")
        self.assertEqual(json.loads(result.stdout), {"job_id": "x_1", "name": "x", "version": "v"})
        self.assertEqual(self.submit(self.cluster()).stdout, "Submit job x_1\n")

    def test_a_lost_answer_is_asked_for_again_under_the_same_request_id(self) -> None:
        """Safety: one `submit` makes one job."""
        requests: list[SubmitJobRequest] = []

        def answer(request: SubmitJobRequest) -> SubmitJobResponse:
            requests.append(request)
            if len(requests) == 1:
                raise GalaxyError(pb.kRpcError, "the connection was lost")
            return SubmitJobResponse(job_id="x_1")

        result = self.submit(MemoryCluster.with_master(submit_job=answer))
        self.assertEqual(result.exit_code, 0)
        self.assertEqual(requests[0].request_id, requests[1].request_id)
        self.assertTrue(requests[0].request_id)

    def test_a_job_without_a_user_is_the_submitters(self) -> None:
        self.file.write_text(JOB.replace('"user": "u",', ""))
        cluster = self.cluster()
        self.submit(cluster)
        ((_, request),) = cluster.peers["m:1"].asked
        self.assertTrue(request.job.user)  # type: ignore[attr-defined]

    def test_wait_ends_when_all_are_healthy(self) -> None:
        cluster = self.cluster(
            JobOverview(replica=2, pending=2),
            JobOverview(replica=2, running=2, healthy=1),
            JobOverview(replica=2, running=2, healthy=2),
        )
        result = self.submit(cluster, "--wait")
        self.assertEqual(result.exit_code, 0)
        self.assertEqual(
            result.stderr.splitlines(),
            ["0 of 2 healthy, 2 pending", "1 of 2 healthy", "2 of 2 healthy"],
        )

    def test_wait_in_vain_is_ten_with_the_pods_reasons(self) -> None:
        result = self.submit(
            self.cluster(JobOverview(replica=2, pending=2)), "--wait", "--timeout", "7"
        )
        self.assertEqual(result.exit_code, 10)
        self.assertIn("x_1.0: no cpu", result.stderr)
        self.assertEqual(result.stdout, "Submit job x_1\n")

    def test_wait_for_a_job_that_failed_is_ten_at_once(self) -> None:
        cluster = self.cluster(JobOverview(job_id="x_1", state=pb.kJobFailed, reason="retries"))
        result = self.submit(cluster, "--wait")
        self.assertEqual((result.exit_code, cluster.now), (10, 1000.0))
        self.assertEqual(result.stderr, "galaxy: x_1 is kJobFailed: retries\n")

    def test_a_faulty_file_is_three_and_nobody_is_asked(self) -> None:
        self.file.write_text(JOB.replace("64M", "64X"))
        cluster = self.cluster()
        result = self.submit(cluster)
        self.assertEqual((result.exit_code, cluster.dialled), (3, []))
        self.assertIn("pod.requirement.memory", result.stderr)

    def test_a_missing_file_is_three(self) -> None:
        result = self.cluster().run("submit", "-f", "/none/job.json")
        self.assertEqual(result.exit_code, 3)
        self.assertIn("No such file", result.stderr)

    def test_what_the_master_finds_wrong_with_the_file_is_three_too(self) -> None:
        cluster = MemoryCluster.with_master(submit_job=refuse(pb.kInputError, "bad label"))
        self.assertEqual(self.submit(cluster).exit_code, 3)

    def test_over_the_quota_is_eight(self) -> None:
        cluster = MemoryCluster.with_master(submit_job=refuse(pb.kQuota, "too much"))
        self.assertEqual(self.submit(cluster).exit_code, 8)

    def test_kill(self) -> None:
        cluster = MemoryCluster.with_master(
            show_job=X, terminate_job=in_turn(TerminateJobResponse(job_id="x_1"))
        )
        self.assertEqual(cluster.run("kill", "-j", "x").stdout, "terminate job x_1 successfully\n")
        self.assertEqual(cluster.run("kill", "x", "-o", "name").stdout, "x_1\n")
        self.assertEqual(cluster.run("kill").exit_code, 2)


class LogsTests(SynchronousTestCase):
    """`logs` goes to the agents."""

    def cluster(self, *later: list[PodOverview]) -> MemoryCluster:
        """Two pods on two agents, and one that has none; then what is asked for later."""
        pods = [
            PodOverview(pod_id="x_1.0", index=0, incarnation=1, endpoint="a:1"),
            PodOverview(pod_id="x_1.1", index=1, incarnation=1, endpoint="b:1"),
            PodOverview(pod_id="x_1.2", index=2),
        ]
        answers = in_turn(pods, *later)

        def show(request: ShowPodRequest) -> ShowPodResponse:
            job, _, index = request.pod_id.rpartition(".")
            if "x" not in (request.job_id, job):
                raise GalaxyError(pb.kJobNotFound, "there is no such job")
            found = [pod for pod in answers(request) if not job or pod.index == int(index)]
            if not found:
                raise GalaxyError(pb.kPodNotFound, "there is no such pod")
            return ShowPodResponse(pods=found)

        def read(request: ReadLogRequest) -> list[Any]:
            name = request.pod_id.encode()
            return [LogChunk(task_id="t", data=b"i am "), LogChunk(task_id="t", data=name + b"\n")]

        cluster = MemoryCluster.with_master(show_pod=show)
        cluster.peers |= {address: MemoryPeer({"read_log": read}) for address in ("a:1", "b:1")}
        return cluster

    def test_lines_of_several_pods_have_their_names_before_them(self) -> None:
        result = self.cluster().run("logs", "x")
        self.assertEqual(result.stdout, "x_1.0 i am x_1.0\nx_1.1 i am x_1.1\n")

    def test_following_reads_all_at_once(self) -> None:
        result = self.cluster([]).run("logs", "-f", "x")
        self.assertEqual(
            sorted(result.stdout.splitlines()), ["x_1.0 i am x_1.0", "x_1.1 i am x_1.1"]
        )

    def test_following_goes_where_a_pod_goes(self) -> None:
        """Over a pod that waits for a machine; of what is new on one, only that."""
        waits = [PodOverview(pod_id="x_1.0", index=0)]
        there = [PodOverview(pod_id="x_1.0", index=0, incarnation=2, endpoint="b:1")]
        back = [PodOverview(pod_id="x_1.0", index=0, incarnation=3, endpoint="a:1")]
        cluster = self.cluster(waits, there, back, [])
        result = cluster.run("logs", "-f", "x.0", "--tail", "9")
        self.assertEqual((result.stdout, result.exit_code), ("i am x_1.0\n" * 3, 0))
        asked: list[Any] = [
            request for address in "ab" for _, request in cluster.peers[f"{address}:1"].asked
        ]
        self.assertEqual(
            [(request.since_incarnation, request.tail_lines) for request in asked],
            [(0, 9), (3, 0), (2, 0)],
        )

    def test_following_goes_on_where_a_connection_broke(self) -> None:
        cluster = self.cluster(
            [PodOverview(pod_id="x_1.0", index=0, incarnation=1, endpoint="a:1")], []
        )
        begun = LogChunk(task_id="t", data=b"one\ntw", file="0.1.main.0.stdout", offset=6)
        cluster.peers["a:1"] = MemoryPeer(
            {
                "read_log": in_turn(
                    [begun, GalaxyError(pb.kRpcError, "gone")],
                    [LogChunk(task_id="t", data=b"o\n")],
                )
            }
        )
        result = cluster.run("logs", "-f", "x.0")
        self.assertEqual((result.stdout, result.exit_code), ("one\ntwo\n", 0))
        self.assertIn("asking again", result.stderr)
        again = cluster.peers["a:1"].asked[-1][1]
        assert isinstance(again, ReadLogRequest)
        self.assertEqual([(at.file, at.offset) for at in again.resume], [(begun.file, 6)])

    def test_a_pod_that_moved_is_read_where_it_was_and_where_it_is(self) -> None:
        """And a job that is gone, where it has left something."""
        cluster = self.cluster()
        pods = [
            PodOverview(pod_id="x_1.0", index=0, incarnation=2, endpoint="b:1"),
            PodOverview(pod_id="x_1.0", index=0, incarnation=1, endpoint="a:1", dead=True),
        ]
        cluster.peers["m:1"] = MemoryPeer({"show_pod": lambda _: ShowPodResponse(pods=pods)})
        self.assertEqual(cluster.run("logs", "x").stdout, "i am x_1.0\n" * 2)
        del pods[0]
        self.assertEqual(cluster.run("logs", "x").stdout, "i am x_1.0\n")
        (request,) = (request for _, request in cluster.peers["b:1"].asked)
        self.assertEqual(request, ReadLogRequest(pod_id="x_1.0"))

    def test_what_was_not_kept_is_told(self) -> None:
        cluster = self.cluster()
        chunk = LogChunk(task_id="t", data=b"late\n", skipped=4096)
        cluster.peers["a:1"] = MemoryPeer({"read_log": lambda _: [chunk]})
        result = cluster.run("logs", "x.0")
        self.assertEqual(result.stdout, "late\n")
        self.assertIn("4096 bytes", result.stderr)

    def test_previous_is_not_followed(self) -> None:
        self.assertEqual(self.cluster().run("logs", "-f", "--previous", "x").exit_code, 2)

    def test_no_line_of_before(self) -> None:
        cluster = self.cluster()
        self.assertEqual(0, cluster.run("logs", "x.1", "--tail", "0").exit_code)
        expected = ReadLogRequest(pod_id="x_1.1", tail_lines=-1)
        self.assertEqual(cluster.peers["b:1"].asked, [("read_log", expected)])

    def test_one_pod_has_no_prefix(self) -> None:
        cluster = self.cluster()
        result = cluster.run("logs", "x.1", "0", "--stderr", "--tail", "5")
        self.assertEqual(result.stdout, "i am x_1.1\n")
        expected = ReadLogRequest(pod_id="x_1.1", task="0", stderr=True, tail_lines=5)
        self.assertEqual(cluster.peers["b:1"].asked, [("read_log", expected)])

    def test_an_agent_that_is_gone_does_not_hide_the_others(self) -> None:
        cluster = self.cluster()
        del cluster.peers["a:1"]
        result = cluster.run("logs", "x")
        self.assertEqual(result.stdout, "x_1.1 i am x_1.1\n")
        self.assertEqual(result.exit_code, 1)
        self.assertIn("x_1.0", result.stderr)

    def test_a_task_that_no_pod_has_is_five(self) -> None:
        cluster = self.cluster()
        none = {"read_log": refuse(pb.kNotFound, "there is no task '7'")}
        cluster.peers |= {address: MemoryPeer(none) for address in ("a:1", "b:1")}
        result = cluster.run("logs", "x", "7")
        self.assertEqual(result.exit_code, 5)
        self.assertIn("no task '7'", result.stderr)
        del cluster.peers["b:1"]
        self.assertEqual(cluster.run("logs", "x", "7").exit_code, 1, "b:1 may have it")

    def test_what_is_not_there_is_five(self) -> None:
        for name in ("none", "none.0", "x.7", "x.2"):  # x.2 has no machine, and left nothing
            with self.subTest(name=name):
                self.assertEqual(self.cluster().run("logs", name).exit_code, 5)
