"""
Whose rights a task gets.

An agent without root can give nobody's rights but its own. One with root gives
those of the configured default user; else of the job's user, if that account
exists on the machine and is not root; else of "nobody".
"""

from __future__ import annotations

import pwd
from collections.abc import Callable

from attrs import frozen

UNPRIVILEGED = "nobody"


def account_uid(name: str) -> int | None:
    """The number of an account of this machine; None: there is none of that name."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


@frozen
class Users:
    """The rule of this machine. `default` empty: the job's user."""

    own_uid: int
    default: str = ""
    uid_of: Callable[[str], int | None] = account_uid

    def task_user(self, job_user: str) -> str:
        """The account for a job's tasks; "" is the container engine's own."""
        if self.own_uid != 0:
            return ""
        if self.default:
            return self.default
        if job_user and self.uid_of(job_user):  # neither absent nor 0
            return job_user
        return UNPRIVILEGED
