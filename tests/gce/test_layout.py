"""What boxes have in common, and what is a task's own."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.layout import Layout, lay_out
from galaxy.gce.record import Bind

USR, SRV, VAR = Bind("/usr", "/usr"), Bind("/srv", "/srv"), Bind("/var/lib/all", "/var/lib/all")


def own(target: str) -> Bind:
    """Something of the task's own."""
    return Bind("/pods/1", target, writable=True)


def everything_is_a_directory(_: str) -> bool:
    """On a machine where nothing is a file, or missing."""
    return True


class LayoutTests(SynchronousTestCase):
    """Each bind in its part."""

    def test_table(self) -> None:
        """What is read-only is shared, unless something of the task's own lies over it."""
        hidden = Bind("", "/srv/galaxy", tmpfs=1)
        cases = (
            ((USR,), Layout((USR,), (), ())),
            ((USR, own("/data")), Layout((USR,), (own("/data"),), ())),
            ((own("/tmp"), own("/var/tmp")), Layout((), (own("/tmp"), own("/var/tmp")), ())),
            ((own("/a/b"), own("/a/b/c")), Layout((), (own("/a/b"), own("/a/b/c")), ("/a",))),
            ((VAR, own("/var/x/y")), Layout((), (VAR, own("/var/x/y")), ("/var",))),
            ((VAR, own("/run/x")), Layout((VAR,), (own("/run/x"),), ("/run",))),
            ((own("/dev/x/y"),), Layout((), (own("/dev/x/y"),), ())),
            (
                (SRV, hidden, own("/srv/galaxy/1")),
                Layout((SRV,), (hidden, own("/srv/galaxy/1")), ()),
            ),
            ((own("/srv"), SRV), Layout((), (own("/srv"), SRV), ())),
        )
        for binds, expected in cases:
            self.assertEqual(expected, lay_out(binds, everything_is_a_directory), binds)

    def test_a_way_that_the_machine_does_not_have(self) -> None:
        """What is bound from nowhere is no way to anything."""
        binds = (SRV, own("/srv/data"))
        found = lay_out(binds, lambda path: path != "/srv")
        self.assertEqual(Layout((), binds, ("/srv",)), found)
