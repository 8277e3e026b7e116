"""Ids: made, and taken apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.names import job_id, parse_pod_id, parse_task_id, pod_id, short_name, task_id

INDEXES = st.integers(0, 2**31)
NAMES = st.text(max_size=40)


class NamesTests(SynchronousTestCase):
    """The names of jobs, pods and tasks."""

    def test_a_short_name_is_fit_for_paths_and_shells(self) -> None:
        cases = [
            ("web", "web"),
            ("my web server", "my-web-server"),
            ("a/b:c.d", "a-b-c-d"),
            ("  spaced  ", "spaced"),
            ("x" * 30, "x" * 20),
            ("a" * 19 + " b", "a" * 19),
            ("été", "t"),
            ("网", ""),
            ("", ""),
        ]
        for name, short in cases:
            with self.subTest(name=name):
                self.assertEqual(short_name(name), short)

    def test_a_job_id_is_the_short_name_and_twelve_digits(self) -> None:
        self.assertEqual(job_id("web", 0xABC), "web_000000000abc")
        self.assertEqual(job_id("", 2**48 + 1), "000000000001")

    def test_pods_and_tasks_are_counted(self) -> None:
        self.assertEqual(task_id(pod_id("web_0", 7), 1), "web_0.7.1")

    def test_what_is_no_id_is_refused(self) -> None:
        for text in ("", "web", "web.", ".1", "web.x", "web.-1", "web.٣"):
            with self.subTest(text=text):
                self.assertRaises(ValueError, parse_pod_id, text)
        for text in ("", "web.1", "web.1.", "web.x.1", ".1.1"):
            with self.subTest(text=text):
                self.assertRaises(ValueError, parse_task_id, text)

    @given(NAMES, st.integers(0, 2**48 - 1), INDEXES, INDEXES)
    def test_taking_apart_undoes_making(self, name: str, random: int, index: int, n: int) -> None:
        job = job_id(name, random)
        pod = pod_id(job, index)
        self.assertEqual(parse_pod_id(pod), (job, index))
        self.assertEqual(parse_task_id(task_id(pod, n)), (pod, n))

    @given(NAMES, st.integers(0, 2**48 - 1))
    def test_an_id_can_be_a_file_and_a_control_group(self, name: str, random: int) -> None:
        """Safety: whatever a job is called, no id of it leaves its directory."""
        self.assertRegex(job_id(name, random), r"^[A-Za-z0-9_-]{12,33}$")
