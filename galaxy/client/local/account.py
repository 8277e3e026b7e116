"""The account that tasks run as: root's `galaxy up` makes it if the machine has none."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable

from galaxy.client import exits
from galaxy.client.command import Failure


def command(name: str) -> list[str]:
    """What makes a system account without a home or a shell."""
    shell = ["--shell", "/usr/sbin/nologin"]
    return ["useradd", "--system", "--no-create-home", "--user-group", *shell, name]


def see_to_account(name: str, tell: Callable[[str], object]) -> None:
    """Make the account if it is missing and we may. Raises `Failure`."""
    if os.geteuid() != 0 or _exists(name):
        return
    try:
        made = subprocess.run(command(name), capture_output=True, text=True, check=False)
        said = made.stderr.strip()
    except OSError as error:
        said = f"useradd: {error.strerror}"
    if not _exists(name):  # somebody else may have made it meanwhile
        raise Failure(
            exits.FAILED,
            f"there is no account {name!r}, for tasks to run as, and it cannot be made: {said}",
        )
    tell(f"galaxy: made the account {name!r}, as which tasks run")


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
