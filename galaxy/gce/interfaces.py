"""The boundaries within gce: what is stored, who forks, who sees keepers go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from zope.interface import Interface

from galaxy.gce.record import NOTHING, Claim, ProcessId, Record, Spec


class IRecords(Interface):
    """What is stored of each process. Methods raise OSError where the disk does."""

    def write_spec(process: ProcessId, spec: Spec) -> None:
        """Record that a process is wanted. On an error nothing of it remains."""

    def read_claim(process: ProcessId) -> Claim | None:
        """The keeper that claimed a process."""

    def read(process: ProcessId, known: Record = NOTHING) -> Record:
        """
        What is known of a process, with what its record says besides.

        Each part is written once. So what is known is not read again, and stays known: a
        record may be deleted under our eyes, by a person; its process has run for all that.
        """

    def note_stop(process: ProcessId) -> None:
        """Let the keeper know that its process is about to be sent SIGTERM."""

    def processes() -> Iterator[ProcessId]:
        """Every process that has a record."""

    def forget_process(process: ProcessId) -> None:
        """Remove the record of one process."""

    def forget(container: str) -> None:
        """Remove the records of a container, all at once however we are killed."""


class ILauncher(Interface):
    """Has processes started that have a complete spec on disk."""

    def start(ready: Callable[[], None], news: Callable[[ProcessId], None]) -> None:
        """
        Call `ready` when, and each time after, it has become certain that no
        launch asked for earlier will still happen: what has no claim then must be
        asked for again. Call `news` when a record says more than before.
        """

    def launch(process: ProcessId, spec: Spec) -> None:
        """Start a process, whose record has this spec. Asking twice does not start it twice."""

    def stop() -> None:
        """Start nothing more. What runs, runs on."""


class IKeeperWatch(Interface):
    """A keeper that is watched."""

    def signal(number: int) -> None:
        """Send a signal to its process, and to all that this began."""

    def stop() -> None:
        """Look no more."""


class IKeepers(Interface):
    """Sees keepers, whoever their parent is."""

    def watch(claim: Claim, gone: Callable[[], None]) -> IKeeperWatch | None:
        """
        Call `gone`, later and once, when the keeper has gone.

        None: it has gone already, and `gone` is not called.
        """

    def with_setting(pids: Collection[int], setting: str) -> list[int]:
        """Those of the processes that have NAME=value in the environment they began with."""

    def signal(pids: Collection[int], number: int) -> None:
        """Send a signal to each of the processes that is still there."""
