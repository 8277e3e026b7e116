"""Starting is cheap: the command line does not import what it does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parents[2]
RUN = (
    "import sys; from galaxy.client.cli import cli; from galaxy.client.session import real_session"
)
ASK = "cli({arguments!r}, obj=real_session(), standalone_mode=False)"
TELL = "print(*[name for name in {unwanted!r} if name in sys.modules])"


class ImportTests(SynchronousTestCase):
    """What is in sys.modules when a command has run."""

    def imported(self, arguments: list[str], unwanted: list[str]) -> str:
        """Those of the unwanted modules that a command imported."""
        code = "\n".join(
            [
                RUN,
                f"try: {ASK.format(arguments=arguments)}",
                "except BaseException: pass",
                TELL.format(unwanted=unwanted),
            ]
        )
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
        )
        return ended.stdout.splitlines()[-1]

    def test_asking_a_master_needs_no_reactor_and_no_models(self) -> None:
        unwanted = ["twisted.internet.reactor", "twisted", "pydantic", "rich", "yaml", "psutil"]
        for words in (
            *("jobs", "status", "logs x", "kill -j x", "events", "why x"),
            *("update -j x --pause", "scale x 3", "label -l x -e a:1"),
        ):
            with self.subTest(words=words):
                found = self.imported([*words.split(), "--master", "127.0.0.1:1"], unwanted)
                self.assertEqual(found, "")

    def test_no_command_imports_the_reactor(self) -> None:
        found = self.imported(["--help"], ["twisted.internet.reactor"])
        self.assertEqual(found, "")

    def test_kazoo_is_imported_only_to_ask_an_ensemble(self) -> None:
        found = self.imported(["status", "--master", "127.0.0.1:1"], ["kazoo"])
        self.assertEqual(found, "")
        asking = ["status", "--nexus", "zookeeper://not a host/x"]
        found = self.imported(asking, ["twisted", "twisted.internet.reactor", "plyvel"])
        self.assertEqual(found, "")
