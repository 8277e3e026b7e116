"""What is done with is deleted, and nobody waits for it."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.disposal import Disposal


class DisposalTests(SynchronousTestCase):
    """Directories of ours."""

    def test_deleted(self) -> None:
        """More than may wait; also when it begins again, and what another deleted."""
        place = Path(self.mktemp())
        disposal = Disposal()
        disposal.finish()
        for _ in range(2):
            for number in range(400):
                (place / str(number) / "deep").mkdir(parents=True)
                (place / str(number) / "deep" / "file").touch()
                disposal(place / str(number))
            disposal(place / "missing")
            disposal.finish()
            self.assertEqual([], list(place.iterdir()))

    def test_what_cannot_be_deleted(self) -> None:
        """It is told, and the next one is deleted."""
        place = Path(self.mktemp())
        (place / "next").mkdir(parents=True)
        (place / "file").touch()
        disposal = Disposal()
        disposal(place / "file")
        disposal(place / "next")
        disposal.finish()
        self.assertEqual(["file"], [path.name for path in place.iterdir()])
