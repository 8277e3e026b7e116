"""The names that scripts rely on: exactly those of the documentation, and more if need be."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client import tables, views
from galaxy.client.layout import laid_out
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.agent_pb2 import NamedPort, PodStatus, TaskStatus
from galaxy.protocol.master_pb2 import (
    AgentOverview,
    GetStatusResponse,
    JobOverview,
    JobVersion,
    PodOverview,
    ShowJobResponse,
    TaskOverview,
)

JOB = (
    "job_id name user type priority state update_state version replica deploy_step running"
    " deploying pending death finished failed cpu_used_millicores memory_used_bytes create_time"
    " update_time reason"
)
POD = (
    "pod_id job_id job_name index incarnation stage state healthy version endpoint ports reason"
    " restarts cpu_used_millicores cpu_assigned_millicores memory_used_bytes memory_assigned_bytes"
    " pending_time sched_time start_time path"
)
TASK = (
    "task_id pod_id endpoint state stage progress pid exit_code signal oom_killed restarts cgroup"
    " deploy_time start_time end_time command said core_dumped dead"
)
AGENT = (
    "endpoint hostname state labels pods cpu_total_millicores cpu_assigned_millicores"
    " cpu_used_millicores memory_total_bytes memory_assigned_bytes memory_used_bytes isolation"
    " build reason"
)
NO_FAILURE: dict[str, Any] = {"last_failure": None}
STATUS = "leader epoch safe_mode safe_mode_reason agents cpu memory jobs pods build"


class FieldTests(SynchronousTestCase):
    """Fields may be added, none renamed."""

    def test_every_promised_field_is_there(self) -> None:
        cases: list[tuple[dict[str, Any], str]] = [
            (views.job(JobOverview()), JOB),
            (views.shown_job(ShowJobResponse(), [], []), JOB + " versions pods events spec"),
            (views.pod(PodOverview()), POD),
            (views.task(TaskOverview()), TASK),
            (views.agent(AgentOverview()), AGENT),
            (views.status(GetStatusResponse()), STATUS),
        ]
        for row, promised in cases:
            with self.subTest(promised=promised[:20]):
                self.assertEqual(set(promised.split()) - set(row), set())

    def test_how_far_things_are_is_told(self) -> None:
        overview = JobOverview(update_state=pb.kUpdateSuspend, updated=3, breakpoint=3)
        row = views.job(overview)
        self.assertEqual(
            (row["update_state"], row["updated"], row["breakpoint"]), ("kUpdateSuspend", 3, 3)
        )
        status = views.status(GetStatusResponse(safe_mode=True, safe_mode_share=0.5))
        self.assertEqual(status["safe_mode_share"], 0.5)

    def test_words_are_spelled_as_in_the_protocol(self) -> None:
        self.assertEqual(views.job(JobOverview(state=pb.kJobFinished))["state"], "kJobFinished")
        self.assertEqual(views.pod(PodOverview(stage=pb.kStageDeath))["stage"], "kStageDeath")

    def test_a_word_of_a_newer_master_is_its_number(self) -> None:
        overview = JobOverview.FromString(b"\x30\x63")  # state = 99
        self.assertEqual(views.job(overview)["state"], "JobState 99")

    def test_what_a_silent_agent_did_not_say_is_null(self) -> None:
        row = views.pod(PodOverview(pod_id="a.0", endpoint="x:1"))
        self.assertEqual((row["ports"], row["restarts"], row["path"]), (None, None, None))

    def test_a_pod_has_its_ports_by_name(self) -> None:
        status = PodStatus(
            ports=[NamedPort(name="http", port=80), NamedPort(port=81)],
            tasks=[TaskStatus(restarts=1), TaskStatus(restarts=2)],
        )
        row = views.pod(PodOverview(status=status))
        self.assertEqual((row["ports"], row["restarts"]), ({"http": 80, "81": 81}, 3))

    def test_a_task_that_never_ended_has_no_exit_code(self) -> None:
        self.assertIsNone(views.task(TaskOverview())["exit_code"])
        ended = TaskOverview(status=TaskStatus(ended=True, signal=9, oom_killed=True))
        row = views.task(ended)
        self.assertEqual((row["exit_code"], row["signal"], row["oom_killed"]), (None, 9, True))

    def test_an_end_has_an_exit_code_or_a_signal(self) -> None:
        for code in (0, 3):
            row = views.task(TaskOverview(status=TaskStatus(ended=True, exit_code=code)))
            self.assertEqual((row["exit_code"], row["signal"]), (code, None))
        row = views.task(TaskOverview(status=TaskStatus()))
        self.assertEqual((row["exit_code"], row["signal"]), (None, None))

    def test_the_last_failure_is_that_which_ended_last(self) -> None:
        """What was stopped has not failed, what is gone may have."""

        def pod(state: pb.PodState, end: float, code: int, *, dead: bool = False) -> PodOverview:
            task = TaskStatus(
                task_id=f"x_1.{end:g}.0", ended=True, exit_code=code, end_time=end, said=["boom"]
            )
            if not code:
                del task.said[:]
            status = PodStatus(state=state, tasks=[task])
            return PodOverview(endpoint="a:1", status=status, dead=dead)

        pods = [
            pod(pb.kPodRunning, 1, 3),
            pod(pb.kPodError, 2, 4, dead=True),
            pod(pb.kPodTerminate, 3, 143),
            pod(pb.kPodFinish, 4, 0),
        ]
        last = views.last_failure(pods)
        assert last is not None
        self.assertEqual((last["task_id"], last["exit_code"]), ("x_1.2.0", 4))
        self.assertEqual(last["said"], ["boom"])
        self.assertIsNone(views.last_failure(pods[2:]))
        never = TaskStatus(task_id="x_1.0.0", state=pb.kTaskError, reason="there is no such page")
        failure = views.last_failure([PodOverview(status=PodStatus(tasks=[never]))])
        never_ran = views.shown_job(ShowJobResponse(), [], [], failure)
        self.assertIn(": there is no such page\n", laid_out(tables.SHOW, never_ran, "table"))
        told_to = views.shown_job(ShowJobResponse(), [], [], last | {"reason": "holds too much"})
        self.assertIn(": exit 4; holds too much\n", laid_out(tables.SHOW, told_to, "table"))
        last["reason"] = "exited with 4, after 2 of 2 retries: boom"
        document = views.shown_job(ShowJobResponse(), [], [], last)
        text = laid_out(tables.SHOW, document, "table")
        self.assertIn("last failure: x_1.2.0 on a:1, ", text)
        self.assertTrue(text.endswith(": exit 4\n  boom\n"), text)
        self.assertNotIn("last failure", laid_out(tables.SHOW, document | NO_FAILURE, "table"))

    def test_the_pods_of_a_version_are_counted(self) -> None:
        for count, words in ((0, "0 pods"), (1, "1 pod"), (2, "2 pods")):
            shown = ShowJobResponse(versions=[JobVersion(version="v", time=1, pods=count)])
            text = laid_out(tables.SHOW, views.shown_job(shown, [], []) | NO_FAILURE, "table")
            self.assertIn(f"  {words}\n", text)

    def test_why_a_machine_is_unwell_is_in_the_table(self) -> None:
        """Also of one that is there, and beside why its tasks are not isolated."""
        facts = pb.AgentFacts(isolation_reason="it is not root")
        for state, reason, expected in (
            (pb.kAlive, "", "it is not root"),
            (pb.kAlive, "unwell: its disk is full", "unwell: its disk is full; it is not root"),
            (pb.kDead, "silent", "silent"),
        ):
            row = views.agent(AgentOverview(state=state, reason=reason, facts=facts))
            line = laid_out(tables.AGENTS, [row], "table").splitlines()[-1]
            self.assertTrue(line.endswith(f"  {expected}"), line)

    def test_never_is_null(self) -> None:
        task = views.task(TaskOverview())
        pod = views.pod(PodOverview(status=PodStatus()))
        for row, names in (
            (task, "deploy_time start_time end_time next_try_time"),
            (pod, "pending_time sched_time start_time"),
            (views.job(JobOverview()), "create_time update_time"),
            (views.agent(AgentOverview()), "heartbeat_time"),
        ):
            for name in names.split():
                self.assertIsNone(row[name], name)
        started = views.task(TaskOverview(status=TaskStatus(start_time=1.5)))
        self.assertEqual(started["start_time"], 1.5)
