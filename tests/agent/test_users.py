"""Whose rights tasks get."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.users import Users, account_uid

ACCOUNTS = {"root": 0, "toor": 0, "ann": 1000}


class UserTests(SynchronousTestCase):
    """The rule."""

    def test_table(self) -> None:
        """By who the agent is, the configured user, and the job's user."""
        for own, default, job, expected in (
            (1000, "", "ann", ""),  # without root: its own
            (1000, "galaxy", "ann", ""),
            (0, "galaxy", "ann", "galaxy"),
            (0, "", "ann", "ann"),
            (0, "", "", "nobody"),
            (0, "", "stranger", "nobody"),
            (0, "", "root", "nobody"),
            (0, "", "toor", "nobody"),  # root by another name
        ):
            users = Users(own, default, ACCOUNTS.get)
            self.assertEqual(users.task_user(job), expected, (own, default, job))

    def test_accounts(self) -> None:
        """Accounts are those of the machine."""
        self.assertEqual(account_uid("root"), 0)
        self.assertIsNone(account_uid("no such account"))
