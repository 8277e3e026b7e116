"""What becomes of a command whose stdout is no good. Real processes, real pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.client.memory import JOB

ROOT = Path(__file__).parents[2]
MAIN = "from galaxy.client.cli import main; main()"


def ended(*arguments: str, encoding: str = "utf-8", **how: Any) -> tuple[int, str]:
    """How `galaxy ARGUMENTS` ends, and what it says on stderr."""
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "GALAXY_MASTER": "127.0.0.1:1",
        "PYTHONIOENCODING": encoding,
    }
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        check=False,
        env=environ,
        stderr=subprocess.PIPE,
        **how,
    )
    return done.returncode, done.stderr.decode()


class StdoutTests(SynchronousTestCase):
    """Full, closed, and left alone."""

    def test_a_full_disk_is_a_sentence(self) -> None:
        for words in (["init"], ["--help"], ["jobs", "--help"], ["--version"]):
            with self.subTest(words=words), Path("/dev/full").open("wb") as full:
                status, said = ended(*words, stdout=full)
                self.assertEqual(
                    (status, said),
                    (1, "galaxy: stdout cannot be written: No space left on device\n"),
                )

    def test_no_stdout_at_all_is_a_sentence(self) -> None:
        """Safety: the connection to the master would become descriptor 1."""
        status, said = ended("jobs", preexec_fn=lambda: os.close(1))
        self.assertEqual((status, said), (1, "galaxy: stdout is closed; nothing was done\n"))

    def test_a_reader_that_has_enough_ends_it_in_silence(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            self.assertEqual(ended("init", stdout=writer), (128 + 13, ""))
        finally:
            os.close(writer)

    def test_what_the_encoding_does_not_have_is_escaped(self) -> None:
        """One odd name of a job may not keep people of another locale from seeing any."""
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / "\u2603.json").write_text(JOB)
        said = directory / "said"
        with said.open("wb") as file:
            ending = ended(
                *("validate", "-f", "\u2603.json"),
                stdout=file,
                cwd=directory,
                encoding="latin-1",
            )
        self.assertEqual(ending, (0, ""))
        self.assertEqual(said.read_bytes(), rb"\u2603.json is sound" + b"\n")

    def test_a_stdout_that_is_well_has_all(self) -> None:
        path = Path(self.mktemp())
        with path.open("wb") as file:
            self.assertEqual(ended("init", stdout=file), (0, ""))
        self.assertIn("kLongRun", path.read_text())
