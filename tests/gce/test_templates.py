"""Which boxes can be made of one template, by what the machine has."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.record import Bind, Box
from galaxy.gce.templates import TemplateKeys


class TemplateKeysTests(SynchronousTestCase):
    """Each change of a directory of ours gives a new key."""

    def setUp(self) -> None:
        """A directory that is bound, and a way to it."""
        self.place = Path(self.mktemp())
        self.place.mkdir()
        self.box = self.of(self.place)
        self.keys = TemplateKeys()
        self.addCleanup(self.keys.close)

    def of(self, place: Path) -> Box:
        own = Bind(str(place), "/home/pod", writable=True)
        return Box("a.0", (own,), shared=(Bind(str(place), "/data"),), covers=("/home",))

    def test_what_is_a_tasks_own_does_not_count(self) -> None:
        """Another name, another workspace: the same template."""
        other = Bind("/elsewhere", "/home/other", writable=True)
        key = self.keys.key(self.box)
        self.assertEqual(key, self.keys.key(evolve(self.box, hostname="b.1", binds=(other,))))

    def test_what_is_shared_counts(self) -> None:
        """Another source, another cover, another mount point in the root."""
        more = Bind(str(self.place), "/more", writable=True)
        others = (
            self.of(self.place.parent),
            evolve(self.box, covers=()),
            evolve(self.box, binds=(*self.box.binds, more)),
        )
        keys = {self.keys.key(box) for box in (self.box, *others, self.box)}
        self.assertEqual(4, len(keys))

    def test_what_is_there_counts(self) -> None:
        """A directory that is another, a link, nothing, and a file in turn."""
        moved = self.place.with_suffix(".moved")
        keys = [self.keys.key(self.box)]
        self.place.rename(moved)
        keys.append(self.keys.key(self.box))
        self.place.mkdir()
        keys.append(self.keys.key(self.box))
        self.place.rmdir()
        self.place.symlink_to(moved)
        keys.append(self.keys.key(self.box))
        self.place.unlink()
        self.place.touch()
        keys.append(self.keys.key(self.box))
        self.assertEqual(5, len(set(keys)))
        self.place.unlink()
        moved.rename(self.place)
        self.assertEqual(keys[0], self.keys.key(self.box))
