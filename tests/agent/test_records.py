"""What is written down is read again as it was."""

from __future__ import annotations

import json

from attrs import NOTHING, fields
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import End, Phase, Pod, PodKey, Task, decode_pod, encode_pod

times = st.floats(0, 4e9)
ends = st.builds(
    End,
    st.integers(0, 255),
    st.integers(0, 64),
    st.booleans(),
    times,
    st.text(),
    st.lists(st.text(), max_size=3).map(tuple),
    st.booleans(),
)
tasks = st.builds(
    Task,
    phase=st.sampled_from(Phase),
    tries=st.integers(0, 9),
    attempt=st.integers(0, 1000),
    seen=st.booleans(),
    next_try=times,
    stop_deadline=times,
    end=st.none() | ends,
    reason=st.text(),
)
pods = st.builds(
    Pod,
    key=st.builds(PodKey, st.text(), st.integers(0, 1 << 31), st.integers(0, 1 << 31)),
    version=st.text(),
    user=st.text(),
    accept_time=times,
    tasks=st.lists(tasks, max_size=3).map(tuple),
    ports=st.lists(st.tuples(st.text(), st.integers(1, 65535)), max_size=3).map(tuple),
    stop_reason=st.none() | st.text(),
)


class CodecTests(SynchronousTestCase):
    """Pods on disk."""

    @settings(deadline=None)
    @given(pods)
    def test_round_trip(self, pod: Pod) -> None:
        """Safety: whatever a pod holds, it is read as it was written."""
        self.assertEqual(decode_pod(encode_pod(pod)), pod)

    def test_earlier_release(self) -> None:
        """What an earlier agent wrote of an end: one line of what was said, or none."""
        end = End(exit_code=3, said=("no such table",))
        pod = Pod(PodKey("web_1", 0, 1), "v1", "", 1.0, (Task(end=end),))
        written = json.loads(encode_pod(pod))
        of_end = written["tasks"][0]["end"]
        del of_end["core_dumped"]
        for before, said in (("no such table", ("no such table",)), ("", ())):
            of_end["said"] = before
            (task,) = decode_pod(json.dumps(written).encode()).tasks
            self.assertEqual(task.end, End(exit_code=3, said=said))

    def test_later_release(self) -> None:
        """What a later agent wrote besides is passed over, wherever it stands."""
        end = End(exit_code=3)
        pod = Pod(PodKey("web_1", 0, 1), "v1", "", 1.0, (Task(end=end),))
        written = json.loads(encode_pod(pod))
        for table in (written, written["key"], written["tasks"][0], written["tasks"][0]["end"]):
            table["tomorrow"] = {"more": [1]}
        self.assertEqual(decode_pod(json.dumps(written).encode()), pod)

    def test_phase_of_a_later_release(self) -> None:
        """Is not guessed at."""
        pod = Pod(PodKey("web_1", 0, 1), "v1", "", 1.0, (Task(),))
        written = encode_pod(pod).replace(b'"new"', b'"dreaming"')
        with self.assertRaisesRegex(ValueError, "dreaming"):
            decode_pod(written)

    @settings(deadline=None)
    @given(pods, st.data())
    def test_what_is_not_there(self, pod: Pod, data: st.DataObject) -> None:
        """Safety: without any of what has a default, a record can be read, as by default."""
        written = json.loads(encode_pod(pod))
        for kind, table in [(Pod, written), *((Task, task) for task in written["tasks"])]:
            optional = [each.name for each in fields(kind) if each.default is not NOTHING]
            for name in data.draw(st.sets(st.sampled_from(optional))) - {"phase"}:
                del table[name]
        read = decode_pod(json.dumps(written).encode())
        self.assertEqual(read.key, pod.key)
        self.assertEqual(len(read.tasks), len(pod.tasks))

    def test_stranger(self) -> None:
        """A record that is none is an error of a known kind."""
        for data in (b"", b"{}", b"[]", b'{"key": {}}'):
            with self.assertRaises((ValueError, KeyError, TypeError)):
                decode_pod(data)


class NameTests(SynchronousTestCase):
    """Names of pods and containers."""

    def test_container(self) -> None:
        """A container is named by pod, incarnation, and the task's number."""
        key = PodKey("web_1", 3, 7)
        self.assertEqual(key.pod_id, "web_1.3")
        self.assertEqual(key.name, "web_1.3.7")
        self.assertEqual(key.container(0), "web_1.3.7.0")

    def test_end(self) -> None:
        """An end says in words what it was."""
        self.assertEqual(str(End(exit_code=2)), "exited with 2")
        self.assertEqual(str(End(signal=15)), "was killed by signal 15")
        self.assertIn("was killed: it used more memory", str(End(signal=9, oom_killed=True)))
        own_code = str(End(exit_code=3, oom_killed=True))
        self.assertIn("exited with 3; what it began was killed: it used more memory", own_code)
        self.assertEqual(str(End(failure="no such user")), "no such user")
        dumped = End(signal=11, core_dumped=True)
        self.assertEqual(str(dumped), "was killed by signal 11 and dumped core")

    def test_ran(self) -> None:
        """What never ran has neither code nor signal; what was ended for its health has one."""
        self.assertFalse(End(failure="no such user").ran)
        self.assertTrue(End(failure="it does not answer", signal=15).ran)
        self.assertTrue(End().ran)
