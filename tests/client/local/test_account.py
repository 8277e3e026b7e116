"""The account that tasks run as, where root brings a cluster up."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.command import Failure
from galaxy.client.local.account import command, see_to_account


class AccountTests(SynchronousTestCase):
    """It is made if it is missing, by root alone."""

    def test_there(self) -> None:
        """Nothing is done, nor said, where there is one."""
        told: list[object] = []
        see_to_account("nobody", told.append)
        self.assertEqual([], told)

    def test_made_without_a_home_or_a_shell(self) -> None:
        """Nobody logs in as it."""
        made = command("galaxy")
        self.assertEqual(("useradd", "galaxy"), (made[0], made[-1]))
        self.assertIn("--no-create-home", made)
        self.assertIn("/usr/sbin/nologin", made)

    def test_cannot_be_made(self) -> None:
        """Root is told why; others need none."""
        if os.geteuid() != 0:
            see_to_account("no such name", self.fail)
            return
        failure = self.assertRaises(Failure, see_to_account, "no such name", self.fail)
        self.assertIn("'no such name'", failure.sentence)
        self.assertIn("useradd", failure.sentence)
