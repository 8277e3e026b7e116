"""No number of the .proto files gets another meaning."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.wire_snapshot import SNAPSHOT, broken, described, promised, text_of


class SnapshotTests(SynchronousTestCase):
    """What was promised, against what is there."""

    def test_promises_are_kept(self) -> None:
        """All that a release has had on the wire or on disk means the same in this one."""
        before = promised(SNAPSHOT.read_text())
        self.assertGreater(len(before), 400)
        self.assertEqual(broken(before, described()), [])

    def test_there_and_back(self) -> None:
        now = described()
        self.assertEqual(promised(text_of(now)), now)
        for line in (
            "Hello 2 = string role",
            "Hello 8 = repeated string methods",
            "PodDescriptor 1 = repeated TaskDescriptor tasks",
            "Status 3 = kQuota",
            "Agent.ReadLog = ReadLogRequest -> stream LogChunk",
        ):
            self.assertIn(line, text_of(now).splitlines())

    def test_what_breaks_them(self) -> None:
        """A number reused or retyped, a field or a method that is gone; not what is new."""
        before = {"Hello 2": "string role", "Status 3": "kQuota", "Gce.Stop": "A -> B"}
        self.assertEqual(broken(before, {**before, "Hello 3": "string name"}), [])
        cases = (
            ("Hello 2", "int32 role", "Hello 2 was string role and is int32 role: take another"),
            ("Hello 2", None, "Hello 2, string role, is gone: leave it, or reserve"),
            ("Status 3", "kEnough", "Status 3 was kQuota and is kEnough"),
            ("Gce.Stop", None, "Gce.Stop is gone, and the release before"),
            ("Gce.Stop", "A -> stream B", "Gce.Stop was A -> B and is A -> stream B"),
        )
        for what, meaning, sentence in cases:
            now = {**before, what: meaning or ""}
            if meaning is None:
                del now[what]
            (said,) = broken(before, now)
            self.assertTrue(said.startswith(sentence), said)

    def test_reserved(self) -> None:
        """A field may go when nobody can take its number."""
        self.assertEqual(broken({"Hello 2": "string role"}, {"Hello 2": "reserved"}), [])
