"""Whose rights tasks get."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.users import Users, account_uid

ACCOUNTS = {"root": 0, "toor": 0, "ann": 1000, "galaxy": 999, "nobody": 65534}


class UserTests(SynchronousTestCase):
    """The rule."""

    def test_table(self) -> None:
        """By who the agent is, who has an account, and the job's user."""
        for own, accounts, job, expected in (
            (1000, (), "ann", ""),  # without root: its own
            (1000, ("ann",), "ann", ""),
            (0, (), "ann", "galaxy"),
            (0, ("ann",), "ann", "ann"),
            (0, ("ann",), "", "galaxy"),
            (0, ("ann",), "stranger", "galaxy"),
            (0, ("ann",), "root", "galaxy"),
            (0, ("root",), "root", "root"),
        ):
            users = Users(own, "galaxy", accounts, ACCOUNTS.get)
            self.assertEqual(users.task_user(job), expected, (own, accounts, job))

    def test_without_box(self) -> None:
        """Tasks without a box never share the account of those in boxes, but their user's own."""
        for own, unboxed, job, expected in (
            (1000, "nobody", "bob", ""),
            (1000, "", "bob", ""),
            (0, "nobody", "bob", "nobody"),
            (0, "", "bob", None),
            (0, "nobody", "ann", "ann"),
            (0, "", "ann", "ann"),
        ):
            users = Users(own, "galaxy", ("ann",), ACCOUNTS.get, unboxed=unboxed)
            self.assertEqual(users.task_user(job, boxed=False), expected, (own, unboxed, job))

    def test_account_without_box(self) -> None:
        """It is there, is not root, and is nobody else's; else no such task is run."""
        for unboxed in ("galaxy", "ann", "toor", "stranger", ""):
            users = Users(0, "galaxy", ("ann",), ACCOUNTS.get, unboxed=unboxed)
            self.assertIsNone(users.task_user("bob", boxed=False), unboxed)
            self.assertEqual("", users.problem())

    def test_problems(self) -> None:
        """A machine whose accounts do not suit is told of in a sentence, with the remedy."""
        for own, default, accounts, words in (
            (0, "galaxy", ("ann", "root"), ""),
            (1000, "nobody here", (), ""),
            (0, "nobody-here", (), "useradd --system --no-create-home nobody-here"),
            (0, "", (), "useradd --system --no-create-home galaxy"),
            (0, "toor", (), "which is root"),
            (0, "galaxy", ("stranger",), "lists 'stranger'"),
        ):
            problem = Users(own, default, accounts, ACCOUNTS.get).problem()
            self.assertEqual(bool(words), bool(problem))
            self.assertIn(words, problem)

    def test_accounts(self) -> None:
        """Accounts are those of the machine."""
        self.assertEqual(account_uid("root"), 0)
        self.assertIsNone(account_uid("no such account"))
