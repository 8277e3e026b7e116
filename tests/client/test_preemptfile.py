"""Galaxy 2's preempt file."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.preemptfile import read_preempt
from galaxy.protocol.master_pb2 import PreemptRequest

SOUND = """{
  "addr": "a:1",
  "pending_pod": {"jobid": "web", "podid": "web_1.0"},
  "preempted_pods": [{"jobid": "b_1", "podid": "b_1.3"}, {"jobid": "my batch", "podid": "7"}]
}"""


def told(text: str) -> list[str]:
    """The mistakes of a text, as lines."""
    return [fault.line("f") for fault in read_preempt(text).faults]


class PreemptFileTests(SynchronousTestCase):
    """What it asks for, and all that is wrong with it."""

    def test_a_sound_file(self) -> None:
        expected = PreemptRequest(
            endpoint="a:1", pod_id="web_1.0", victim_ids=["b_1.3", "my batch.7"]
        )
        self.assertEqual(read_preempt(SOUND).request, expected)
        self.assertEqual(told(SOUND), [])

    def test_the_messages_are_those_of_galaxy_2(self) -> None:
        cases = [
            ("{}", ["addr is required", "pending_pod is required", "preempted_pods is required"]),
            (
                '{"addr":"a:1", "pending_pod":{"podid": "x.0"}, "preempted_pods":[{"jobid":"x"}]}',
                ["jobid is required in pending_pod", "podid is required in preempted_pods"],
            ),
            (
                '{"addr":"a:1", "pending_pod":{"jobid":"x"}, "preempted_pods":[{"podid":"y.1"}]}',
                ["podid is required in pending_pod", "jobid is required in preempted_pods"],
            ),
        ]
        for text, sentences in cases:
            with self.subTest(text=text):
                self.assertEqual([fault.text for fault in read_preempt(text).faults], sentences)

    def test_all_mistakes_are_told_each_with_its_place(self) -> None:
        text = """{
  "addr": "nowhere",
  "pending_pod": {"jobid": "web", "podid": 3},
  "preempted_pods": [{"jobid": "b", "podid": "c_1.3"}, "x", {}],
  "victims": []
}"""
        self.assertEqual(
            [line.partition(": ")[0] for line in told(text)],
            ["f:5:3", "f:2:11", "f:3:44", "f:4:46", "f:4:56", "f:4:61"],
        )

    def test_what_is_no_object_is_told(self) -> None:
        for text in (
            "",
            "[]",
            "7",
            '{"addr": ',
            '{"addr": {}, "pending_pod": [], "preempted_pods": 1}',
        ):
            with self.subTest(text=text):
                self.assertTrue(told(text))
                self.assertEqual(read_preempt(text).request, PreemptRequest())

    def test_a_pod_of_another_job_is_a_mistake(self) -> None:
        self.assertEqual(
            told(SOUND.replace("b_1.3", "c_1.3")),
            ["f:4:48: preempted_pods[0].podid: c_1.3 is no pod of job b_1"],
        )
