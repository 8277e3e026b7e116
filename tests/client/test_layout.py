"""Tables as they are printed."""

from __future__ import annotations

import json

import yaml
from twisted.trial.unittest import SynchronousTestCase

from galaxy.client import tables, views
from galaxy.client.happenings import rows
from galaxy.client.layout import Column, Listing, laid_out, pairs, plain, short, when
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.agent_pb2 import NamedPort, PodStatus, TaskStatus
from galaxy.protocol.master_pb2 import (
    Amount,
    Event,
    GetStatusResponse,
    JobOverview,
    PodOverview,
    ShowJobResponse,
    TaskOverview,
)

LISTING = Listing(
    name="a",
    columns=(Column("first", plain("a")), Column("b", plain("b")), Column("c", plain("c"), True)),
)
ROWS = [{"a": "x", "b": 1, "c": "w"}, {"a": "longer one", "b": None, "c": "y" * 70}]

NOON = 1790000000.0

TABLE = """\
first       b
----------  -
x           1
longer one  -
"""

PODS = """\
id     state    healthy  endpoint  ports    version  cpu(u/a)   mem(u/a)          restarts  \
start  reason
-----  -------  -------  --------  -------  -------  ---------  ----------------  --------  \
-----  --------------------
j_1.0  Running  yes      a:1       http=80  v1       0.05/0.10  1.5 MiB/64.0 MiB  2         \
-      -
j_1.1  Pending  no       -         -        v1       ?/0.10     ?/64.0 MiB        -         \
-      no agent has port 80
"""

STATUS = """\
master  m:1 (epoch 3), safe mode: waiting for 2 agents
agents  3 total, 1 alive, 2 dead, 0 offline
cpu     4.00 total, 1.00 assigned, 0.50 used
memory  8.0 GiB total, 1.0 GiB assigned, 512.0 MiB used
jobs    2
pods    5 running, 0 deploying, 1 pending, 0 death, 0 finished
"""


class LaidOutTests(SynchronousTestCase):
    """One document in each shape."""

    def test_a_table_is_plain_and_aligned(self) -> None:
        self.assertEqual(laid_out(LISTING, ROWS, "table"), TABLE)

    def test_no_rows_are_titles_alone(self) -> None:
        self.assertEqual(laid_out(LISTING, [], "table"), "first  b\n-----  -\n")

    def test_wide_shows_every_column_uncut(self) -> None:
        lines = laid_out(LISTING, ROWS, "wide").splitlines()
        self.assertEqual(lines[0].split(), ["first", "b", "c"])
        self.assertTrue(lines[3].endswith("  " + "y" * 70))

    def test_a_long_cell_is_cut_and_a_line_stays_a_line(self) -> None:
        rows = [{"a": "x" * 61, "b": "two\nlines", "c": ""}]
        text = laid_out(LISTING, rows, "table")
        self.assertIn("x" * 57 + "...  two lines\n", text)

    def test_json_and_yaml_hold_the_same_document(self) -> None:
        self.assertEqual(json.loads(laid_out(LISTING, ROWS, "json")), ROWS)
        self.assertEqual(yaml.safe_load(laid_out(LISTING, ROWS, "yaml")), ROWS)

    def test_names_are_one_a_line(self) -> None:
        self.assertEqual(laid_out(LISTING, ROWS, "name"), "x\nlonger one\n")

    def test_pairs_leave_out_what_is_empty(self) -> None:
        self.assertEqual(pairs([("a", "1"), ("bb", ""), ("ccc", "2")]), "a    1\nccc  2\n")

    def test_words_lose_what_all_of_them_begin_with(self) -> None:
        self.assertEqual(short("kTaskRunning", "kTask"), "Running")
        self.assertEqual(short("kPodStateUnset", "kPod"), "")


class TableTests(SynchronousTestCase):
    """The tables of the commands."""

    def test_pods(self) -> None:
        running = PodOverview(
            pod_id="j_1.0",
            stage=pb.kStageRunning,
            state=pb.kPodRunning,
            healthy=True,
            endpoint="a:1",
            version="v1",
            cpu_assigned_millicores=100,
            memory_assigned_bytes=64 << 20,
            status=PodStatus(
                ports=[NamedPort(name="http", port=80)],
                tasks=[TaskStatus(restarts=2)],
                used_millicores=50,
                used_memory=3 << 19,
            ),
        )
        pending = PodOverview(
            pod_id="j_1.1",
            stage=pb.kStagePending,
            version="v1",
            cpu_assigned_millicores=100,
            memory_assigned_bytes=64 << 20,
            reason="no agent has port 80",
        )
        rows = [views.pod(running), views.pod(pending)]
        self.assertEqual(laid_out(tables.PODS, rows, "table"), PODS)

    def test_how_a_task_ended(self) -> None:
        cases = [
            (TaskStatus(), "-"),
            (TaskStatus(ended=True, exit_code=3), "exit 3"),
            (TaskStatus(ended=True, signal=15), "signal 15"),
            (TaskStatus(ended=True, signal=9, oom_killed=True), "out of memory"),
            (TaskStatus(ended=True, exit_code=3, oom_killed=True), "exit 3, out of memory"),
            (TaskStatus(ended=True, signal=6, oom_killed=True), "signal 6, out of memory"),
        ]
        for status, words in cases:
            rows = [views.task(TaskOverview(status=status))]
            self.assertIn(f" {words} ", laid_out(tables.TASKS, rows, "table"))

    def test_a_task_that_waits_shows_when_it_is_tried_again(self) -> None:
        rows = [views.task(TaskOverview(status=TaskStatus(next_try_time=NOON)))]
        self.assertIn(f" {when(NOON)} ", laid_out(tables.TASKS, rows, "table"))

    def test_an_update_shows_how_far_it_is(self) -> None:
        cases = [
            (JobOverview(update_state=pb.kUpdateNone, replica=9), ""),
            (JobOverview(update_state=pb.kUpdateNormal, replica=9, updated=3), " Normal 3/9 "),
            (
                JobOverview(update_state=pb.kUpdateSuspend, replica=9, updated=4, breakpoint=4),
                " Suspend 4/9, stops at 4 ",
            ),
        ]
        for job, words in cases:
            with self.subTest(words=words):
                self.assertIn(words, laid_out(tables.JOBS, [views.job(job)], "table"))

    def test_show_ends_with_what_happened_last(self) -> None:
        events = list(rows(Event(number=n, kind="job", after=f"step{n}") for n in range(30)))
        document = views.shown_job(ShowJobResponse(), [], events)
        lines = laid_out(tables.SHOW, document, "table").splitlines()
        self.assertIn("step29", lines[-1])
        self.assertNotIn("step19", "".join(lines))
        self.assertIn("step0", laid_out(tables.SHOW, document, "wide"))

    def test_jobs_count_running_pending_deploying_death(self) -> None:
        job = JobOverview(job_id="j", running=1, pending=2, deploying=3, death=4)
        self.assertIn(" 1/2/3/4 ", laid_out(tables.JOBS, [views.job(job)], "table"))

    def test_status(self) -> None:
        answer = GetStatusResponse(
            leader="m:1",
            epoch=3,
            safe_mode=True,
            safe_mode_reason="waiting for 2 agents",
            agents_total=3,
            agents_alive=1,
            agents_dead=2,
            cpu=Amount(total=4000, assigned=1000, used=500),
            memory=Amount(total=8 << 30, assigned=1 << 30, used=1 << 29),
            jobs=2,
            pods_running=5,
            pods_pending=1,
        )
        self.assertEqual(laid_out(tables.STATUS, views.status(answer), "table"), STATUS)
        answer.strangers.extend(["10.0.0.8:8221", "10.0.0.9:8221"])
        self.assertRegex(
            laid_out(tables.STATUS, views.status(answer), "table"),
            r"\nstrangers *10\.0\.0\.8:8221, 10\.0\.0\.9:8221: turned away",
        )
