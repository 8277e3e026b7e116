"""`twistd galaxy-scheduler`: what it may be told, and what it is made of."""

from __future__ import annotations

from pathlib import Path

from twisted.application.service import MultiService
from twisted.trial.unittest import SynchronousTestCase

from galaxy.scheduler.service import Scheduler
from galaxy.scheduler.tap import Options, makeService
from tests.refusals import refusal


def options(*arguments: str) -> Options:
    """What a command line says."""
    parsed = Options()
    parsed.parseOptions(list(arguments))
    return parsed


def scheduler_of(parts: MultiService) -> Scheduler:
    """The scheduler among the parts."""
    scheduler = parts.getServiceNamed("scheduler")
    assert isinstance(scheduler, Scheduler)
    return scheduler


class OptionsTests(SynchronousTestCase):
    """Flags come before the file."""

    def settings(self, text: str) -> str:
        path = Path(self.mktemp())
        path.write_text(text)
        return str(path)

    def test_the_policy_is_the_files_unless_a_flag_names_one(self) -> None:
        path = self.settings('[scheduler]\npolicy = "spread"\n')
        self.assertEqual(options("--config", path)["policy"], "spread")
        self.assertEqual(options("--config", path, "--policy", "pack")["policy"], "pack")
        self.assertEqual(options()["policy"], "pack")

    def test_an_unknown_policy_is_refused_with_the_known_ones(self) -> None:
        said = refusal(lambda: options("--policy", "best"))
        self.assertIn("there is no policy 'best'; known are best-fit, pack, spread", said)

    def test_an_unknown_policy_in_the_file_too(self) -> None:
        path = self.settings('[scheduler]\npolicy = "best"\n')
        self.assertIn("'best'", refusal(lambda: options("--config", path)))


class PartsTests(SynchronousTestCase):
    """The parts list."""

    def test_a_scheduler_and_its_discovery(self) -> None:
        parts = makeService(options("--master", "127.0.0.1:7828, 127.0.0.1:7829"))
        self.assertEqual([part.name for part in parts], ["discovery", "scheduler"])

    def test_the_policy_is_the_one_asked_for(self) -> None:
        parts = makeService(options("--policy", "spread"))
        self.assertEqual(scheduler_of(parts).picture.policy.name, "spread")

    def test_nothing_is_dialled_before_it_starts(self) -> None:
        scheduler = scheduler_of(makeService(options()))
        self.assertFalse(scheduler.running)

    def test_a_nexus_that_cannot_be_is_refused_with_status_78(self) -> None:
        error = self.assertRaises(SystemExit, makeService, options("--nexus", "mysql://x"))
        self.assertEqual(error.code, 78)
