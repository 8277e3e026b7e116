"""Whose rights a process gets."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.requests import ENGINES_OWN, rights_of
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status, kInputError, kPermission

SOMEBODY = 12345


class RightsTests(SynchronousTestCase):
    """Of an engine that is root, and of one that is not."""

    def refused(self, user: str, own_uid: int) -> Status:
        with self.assertRaises(GalaxyError) as caught:
            rights_of(user, own_uid)
        return caught.exception.status

    def test_root_gives_any_rights(self) -> None:
        """User, group and all further groups."""
        rights = rights_of("root", 0)
        self.assertEqual((rights.uid, rights.gid), (0, 0))
        self.assertIn(0, rights.groups)

    def test_only_root_can(self) -> None:
        """Without root nothing runs as somebody else."""
        self.assertEqual(self.refused("root", SOMEBODY), kPermission)

    def test_nobody_named(self) -> None:
        """Then it runs as the engine does."""
        for own_uid in (0, SOMEBODY):
            self.assertIs(rights_of("", own_uid), ENGINES_OWN)

    def test_no_such_user(self) -> None:
        """A name that the machine does not know is the caller's mistake."""
        self.assertEqual(self.refused("no-such-user", 0), kInputError)
