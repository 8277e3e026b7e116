"""
Whose rights a task gets.

An agent without root can give nobody's rights but its own. One with root gives
those of the default user; but jobs of the users who are listed as having accounts of
their own on its machine run as the account of the same name. Root is nobody's by default.

A task without a box sees every process of the machine, and could do to those of its own
account what it likes. So such tasks have another account than those in boxes.
"""

from __future__ import annotations

import pwd
from collections.abc import Callable

from attrs import frozen


def account_uid(name: str) -> int | None:
    """The number of an account of this machine; None: there is none of that name."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


@frozen
class Users:
    """The rule of this machine."""

    own_uid: int
    default: str = "galaxy"
    own_accounts: tuple[str, ...] = ()
    uid_of: Callable[[str], int | None] = account_uid
    unboxed: str = ""

    def task_user(self, job_user: str, *, boxed: bool = True) -> str | None:
        """
        The account for a job's tasks; "" is the container engine's own; None: tasks without
        a box are not run here.
        """
        if self.own_uid != 0:
            return ""
        if job_user in self.own_accounts:
            return job_user
        return self.default if boxed else self._unboxed()

    def problem(self) -> str:
        """Why tasks cannot be run by this rule, and the remedy; empty: they can."""
        if self.own_uid != 0:
            return ""
        uid = self.uid_of(self.default)
        if uid is None:
            return (
                f"there is no account {self.default!r} on this machine, as which tasks are to run:"
                f" make it (useradd --system --no-create-home {self.default or 'galaxy'}), or name"
                " another as agent.default_user (--default-user)"
            )
        if uid == 0:
            return (
                f"agent.default_user (--default-user) is {self.default!r}, which is root: name"
                " another, and list the users whose jobs may run as root in agent.own_accounts"
            )
        missing = [name for name in self.own_accounts if self.uid_of(name) is None]
        if missing:
            return f"agent.own_accounts lists {missing[0]!r}, and this machine has no such account"
        return ""

    def _unboxed(self) -> str | None:
        """The account of tasks without a box, if it is nobody else's."""
        uid = self.uid_of(self.unboxed)
        others = {0, None, *map(self.uid_of, (self.default, *self.own_accounts))}
        return None if uid in others else self.unboxed
