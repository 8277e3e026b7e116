"""`validate` and `init`."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.client.memory import JOB, MemoryCluster


class FilesTests(SynchronousTestCase):
    """What needs no cluster."""

    def validate(self, text: str) -> tuple[int, str]:
        """The exit code and what is said of a job file."""
        path = Path(self.mktemp())
        path.write_text(text)
        result = MemoryCluster().run("validate", "-f", str(path))
        return result.exit_code, result.stderr

    def test_every_example_validates(self) -> None:
        for kind in ("kLongRun", "kBatch", "kSystem"):
            with self.subTest(kind=kind):
                example = MemoryCluster().run("init", "--type", kind)
                self.assertIn("//", example.stdout)
                self.assertEqual(self.validate(example.stdout), (0, ""))

    def test_the_mistakes_are_counted(self) -> None:
        code, said = self.validate('{"nam": "x"}')
        self.assertEqual(code, 3)
        self.assertIn("did you mean `name`?", said)
        self.assertIn("has 4 mistakes", said)

    def test_a_script_gets_the_mistakes_as_a_document(self) -> None:
        result = MemoryCluster().run("validate", "-f", "-", "-o", "json", stdin='{"nam": "x"}')
        document = json.loads(result.stdout)
        self.assertEqual(
            (result.exit_code, document["file"], document["sound"]), (3, "stdin", False)
        )
        unknown = {"line": 1, "column": 2, "path": "nam", "problem": "unknown key", "meant": "name"}
        self.assertIn(unknown, document["mistakes"])
        result = MemoryCluster().run("validate", "-f", "-", "-o", "json", stdin=JOB)
        sound = {"file": "stdin", "sound": True, "mistakes": []}
        self.assertEqual((result.exit_code, json.loads(result.stdout)), (0, sound))
