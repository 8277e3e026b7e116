"""The boundaries within gce: who forks, and who sees keepers go."""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import Interface

from galaxy.gce.records import Claim, ProcessId


class ILauncher(Interface):
    """Has processes started that have a complete spec on disk."""

    def start(ready: Callable[[], None], news: Callable[[ProcessId], None]) -> None:
        """
        Call `ready` when, and each time after, it has become certain that no
        launch asked for earlier will still happen: what has no claim then must be
        asked for again. Call `news` when a record says more than before.
        """

    def launch(process: ProcessId) -> None:
        """Start a process. Asking twice does not start it twice."""

    def stop() -> None:
        """Start nothing more. What runs, runs on."""


class IKeeperWatch(Interface):
    """A keeper that is watched."""

    def stop() -> None:
        """Look no more."""


class IKeepers(Interface):
    """Sees keepers, whoever their parent is."""

    def watch(claim: Claim, gone: Callable[[], None]) -> IKeeperWatch | None:
        """
        Call `gone`, later and once, when the keeper has gone.

        None: it has gone already, and `gone` is not called.
        """
