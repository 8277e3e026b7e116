"""
The way to a place in a box: gone step by step, each from the one before, through no symbolic link.

Volumes, workspaces and /tmp are the task's to change, between its attempts and while another task
of the pod starts. Whoever walks here is root. So no step trusts a name: a link on the way, also
one of /proc, ends the walk, and what is made, is made where the step before was.
"""

from __future__ import annotations

import errno
import os

_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def directory(path: str, *, made: bool = False) -> int:
    """
    A descriptor (O_PATH) of a directory; with `made`, it and those on the way to it are made, for
    all to enter, as far as they are not there. Raises `OSError`, which names the step.
    """
    here = os.open("/", _STEP)
    gone = ""
    for name in filter(None, path.split("/")):
        gone += f"/{name}"
        above = here
        try:
            here = _step(above, name, made=made)
        except OSError as error:
            raise _told(error, gone) from error
        finally:
            os.close(above)
    return here


def file(path: str) -> int:
    """As `directory`, of something that is none; an empty file is made if nothing is there."""
    above, _, name = path.rpartition("/")
    here = directory(above, made=True) if above else os.open("/", _STEP)
    try:
        try:  # noqa: SIM105  (contextlib would be in every keeper's memory)
            os.close(os.open(name, _NEW_FILE, 0o644, dir_fd=here))
        except FileExistsError:
            pass
        return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    except OSError as error:
        raise _told(error, path) from error
    finally:
        os.close(here)


def link(path: str, target: str) -> None:
    """Make a symbolic link, where nothing is yet."""
    above, _, name = path.rpartition("/")
    here = directory(above, made=True) if above else os.open("/", _STEP)
    try:
        os.symlink(target, name, dir_fd=here)
    except FileExistsError:
        pass
    except OSError as error:
        raise _told(error, path) from error
    finally:
        os.close(here)


def _step(above: int, name: str, *, made: bool) -> int:
    if name == "..":
        raise OSError(errno.EINVAL, "'..' leads out")
    try:
        return os.open(name, _STEP, dir_fd=above)
    except FileNotFoundError:
        if not made:
            raise
    try:  # noqa: SIM105
        os.mkdir(name, 0o755, dir_fd=above)
    except FileExistsError:
        pass  # another has made something there meanwhile
    return os.open(name, _STEP, dir_fd=above)


def _told(error: OSError, path: str) -> OSError:
    if error.errno in {errno.ENOTDIR, errno.ELOOP}:
        text = "a symbolic link, or no directory, is where a directory should be"
        return OSError(error.errno, text, path)
    return OSError(error.errno, error.strerror, path)
