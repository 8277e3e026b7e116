"""What does not fit in what a nexus holds is found, and named by its key."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import (
    StoredAgent,
    StoredCluster,
    StoredFinished,
    StoredJob,
    StoredLabel,
    StoredSafeMode,
    StoredVersion,
)
from galaxy.protocol.types_pb2 import JobDescriptor, PodDescriptor, kBatch, kJobNormal
from galaxy.stored import CHUNK, examined


def sound() -> dict[str, bytes]:
    """A nexus with one of everything, and nothing wrong."""
    job = StoredJob(
        job_id="web_0",
        descriptor_without_pod=JobDescriptor(name="web", type=kBatch, replica=9),
        state=kJobNormal,
        versions=[StoredVersion(number=1, version="v1"), StoredVersion(number=2, version="v2")],
    )
    records = {
        "jobs/web_0": job,
        "versions/web_0/1": PodDescriptor(version="v1"),
        "versions/web_0/2": PodDescriptor(version="v2"),
        "finished/web_0/1": StoredFinished(first=CHUNK, bits=b"\x05"),
        "agents/10.0.0.1:8221": StoredAgent(endpoint="10.0.0.1:8221"),
        "labels/ssd": StoredLabel(label="ssd", endpoints=["10.0.0.1:8221"]),
        "safemode": StoredSafeMode(manual=True),
        "cluster": StoredCluster(id="0123456789abcdef"),
    }
    return {key: record.SerializeToString() for key, record in records.items()}


CASES: dict[str, tuple[Any, str]] = {
    "jobs/web_1": (sound()["jobs/web_0"], "it is the record of 'web_0'"),
    "versions/web_0/1": (PodDescriptor(version="v9"), ""),
    "versions/web_0/3": (PodDescriptor(version="v3"), "its job has no such version"),
    "versions/gone/1": (PodDescriptor(version="v3"), "there is no such job"),
    "finished/gone/0": (StoredFinished(), "there is no such job"),
    "finished/web_0/2": (StoredFinished(first=CHUNK), f"its first index is {CHUNK}"),
    "finished/web_0/0": (
        StoredFinished(bits=bytes(CHUNK // 8 + 1)),
        f"it tells of more than {CHUNK} indexes",
    ),
    "agents/a:1": (StoredAgent(endpoint="b:1"), "it is the record of 'b:1'"),
    "agents/a": (StoredAgent(endpoint="a"), "'a' is not where an agent can listen"),
    "labels/x": (StoredLabel(label="x"), "nobody carries it"),
    "labels/y": (StoredLabel(label="x", endpoints=["a:1"]), "it is the record of 'x'"),
    "safemode/x": (StoredSafeMode(), "no key of Galaxy's, or of a later build"),
    "quotas/ada": (b"", "no key of Galaxy's, or of a later build"),
    "jobs": (b"", "no key of Galaxy's, or of a later build"),
}


class ExaminedTests(SynchronousTestCase):
    """`galaxy nexus check`."""

    def test_nothing_is_wrong_with_what_is_sound(self) -> None:
        finding = examined(sound())
        self.assertEqual(finding.problems, ())
        self.assertEqual(
            finding.counts,
            {
                "jobs": 1,
                "versions": 2,
                "finished": 1,
                "agents": 1,
                "labels": 1,
                "safemode": 1,
                "cluster": 1,
            },
        )

    def test_what_does_not_fit(self) -> None:
        for key, (record, sentence) in CASES.items():
            with self.subTest(key=key):
                value = record if isinstance(record, bytes) else record.SerializeToString()
                problems = examined({**sound(), key: value}).problems
                if sentence:
                    self.assertIn((key, sentence), [(p.key, p.sentence) for p in problems])
                else:
                    said = [(p.key, p.sentence) for p in problems]
                    self.assertEqual(
                        said, [("jobs/web_0", "its version v1 is v9 at versions/web_0/1")]
                    )

    def test_a_part_that_is_missing(self) -> None:
        values = sound()
        del values["versions/web_0/2"]
        (problem,) = examined(values).problems
        self.assertEqual(problem.key, "jobs/web_0")
        self.assertEqual(problem.sentence, "its version v2 has no versions/web_0/2")

    def test_bytes_that_are_no_message(self) -> None:
        for key in set(sound()) - {"jobs/web_0"}:
            with self.subTest(key=key):
                (problem,) = examined({**sound(), key: b"\xff\xff"}).problems
                self.assertEqual(problem.key, key)
                self.assertIn("it is not what stands there", problem.sentence)

    @settings(deadline=None, max_examples=200)
    @given(st.sampled_from(sorted(sound())), st.binary(max_size=60))
    def test_any_bytes_have_an_answer(self, key: str, value: bytes) -> None:
        examined({**sound(), key: value})
