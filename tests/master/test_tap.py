"""`twistd galaxy-master`: what it may be told, and what it is made of."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.service import Master
from galaxy.master.tap import Options, makeService
from tests.refusals import refusal


class TapTests(SynchronousTestCase):
    """Options and parts."""

    def options(self, *words: str) -> Options:
        options = Options()
        options.parseOptions(words)
        return options

    def test_flags_override_the_settings_file(self) -> None:
        path = Path(self.mktemp())
        path.write_text('nexus = "leveldb:n"\n[master]\nlisten = "10.0.0.1:1"\n', encoding="utf-8")
        options = self.options("--config", str(path), "--listen", "10.0.0.2:2")
        self.assertEqual((options["listen"], options["nexus"]), ("10.0.0.2:2", "leveldb:n"))

    def test_an_address_that_is_none_is_refused(self) -> None:
        self.assertIn("nonsense", refusal(lambda: self.options("--listen", "nonsense")))

    def test_so_is_a_setting_that_there_is_not(self) -> None:
        path = Path(self.mktemp())
        path.write_text("[master]\nbeat = 1\n", encoding="utf-8")
        said = refusal(lambda: self.options("--config", str(path)))
        self.assertIn("there is no setting 'master.beat'", said)

    def test_a_nexus_is_needed(self) -> None:
        """Exit status 78, and a sentence."""
        self.assertIn("nexus", refusal(lambda: makeService(self.options())))

    def test_its_parts(self) -> None:
        """The nexus is opened when the master starts, not before twistd has forked."""
        directory = Path(self.mktemp())
        parts = makeService(self.options("--nexus", f"leveldb:{directory}"))
        self.assertIsInstance(parts.getServiceNamed("master"), Master)
        self.assertEqual(list(directory.iterdir()), [])
