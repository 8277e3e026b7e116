"""The names of output files, and their order."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.output.outputs import Output, output, previous


def of(incarnation: int, process: str) -> Output:
    """What a process of task 0 wrote to stdout."""
    return Output(0, incarnation, process, False)


class NameTests(SynchronousTestCase):
    """To a name, and back."""

    def test_round(self) -> None:
        """A name says all that there is to know."""
        for each in (Output(0, 3, "main.12", True), Output(2, 1, "deploy.1", False), of(1, "stop")):
            self.assertEqual(output(each.name), each)
        self.assertEqual(Output(0, 3, "main.12", True).name, "0.3.main.12.stderr")

    def test_others(self) -> None:
        """What else is in the directory is no output."""
        for name in ("0", "0.health", "evidence.json", "0.tmp", "0.1.exec.1.stdout", "0.1.main.1"):
            self.assertIsNone(output(name), name)

    def test_order(self) -> None:
        """Deployments, attempts by number, the stop command; one incarnation after the other."""
        begun = [of(1, "deploy.1"), of(1, "main.2"), of(1, "main.10"), of(1, "stop")]
        begun.append(of(2, "deploy.1"))
        self.assertEqual(sorted(set(begun), key=lambda each: each.order), begun)


class PreviousTests(SynchronousTestCase):
    """Which attempt was the one before."""

    def test_attempt(self) -> None:
        """The main process before the latest one, whatever stands between."""
        self.assertEqual(
            previous([of(1, "deploy.1"), of(1, "main.0"), of(1, "main.1"), of(1, "stop")]),
            of(1, "main.0"),
        )

    def test_incarnation(self) -> None:
        """Of a first attempt, the last of the incarnation before."""
        kept = [of(1, "main.0"), of(1, "main.3"), of(2, "deploy.1"), of(2, "main.0")]
        self.assertEqual(previous(kept), of(1, "main.3"))

    def test_deployments(self) -> None:
        """What never came to run has its deployments for attempts."""
        self.assertEqual(previous([of(1, "deploy.1"), of(1, "deploy.2")]), of(1, "deploy.1"))

    def test_none(self) -> None:
        """There may be none."""
        self.assertIsNone(previous([of(1, "deploy.1"), of(1, "main.0")]))
        self.assertIsNone(previous([]))
