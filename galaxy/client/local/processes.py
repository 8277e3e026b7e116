"""
Daemons as processes: found by their pid files, started, stopped.

A pid file proves nothing: the pid may belong to somebody else by now. A process
is ours if its command line names that very pid file.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from attrs import frozen

import galaxy

_STEP_S = 0.05
_LAST_WORDS = re.compile(
    r"^(?:\S+ \[[^\]]*\] )?galaxy: (.+)$|^\S+ \[galaxy\.[^\]]*#critical\] (.+)$", re.MULTILINE
)


@frozen
class Running:
    """A live daemon."""

    name: str
    pid: int
    arguments: tuple[str, ...]

    def option(self, name: str) -> str | None:
        """The value of one of its options."""
        for option, value in pairwise(self.arguments):
            if option == name:
                return value
        return None


def running(run: Path) -> dict[str, Running]:
    """The daemons whose pid files are in a directory, and which live, by name."""
    found = (living(path) for path in sorted(run.glob("*.pid")))
    return {daemon.name: daemon for daemon in found if daemon is not None}


def living(pidfile: Path) -> Running | None:
    """The daemon that a pid file tells of, if it lives."""
    try:
        pid = int(pidfile.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    arguments = command_line(pid)
    return Running(pidfile.stem, pid, arguments) if names(arguments, pidfile) else None


def command_line(pid: int) -> tuple[str, ...]:
    """The arguments of a process; nothing if it is gone, or a zombie."""
    try:
        content = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(os.fsdecode(part) for part in content.split(b"\0")[:-1])


def names(arguments: Sequence[str], pidfile: Path) -> bool:
    """Whether a command line says `--pidfile` and this path."""
    return ("--pidfile", str(pidfile)) in pairwise(arguments)


@frozen
class Started:
    """A daemon on its way to the background."""

    name: str
    process: subprocess.Popen[bytes]

    def outcome(self) -> tuple[int, str]:
        """Wait until it is in the background or has failed; its status and what it said."""
        said, _ = self.process.communicate()
        return self.process.returncode, said.decode("utf-8", "replace").strip()


def start(name: str, command: Sequence[str], pidfile: Path) -> Started:
    """Begin to start a daemon that does not live. Raises `OSError`."""
    # Else twistd takes a stranger with that pid for a daemon that runs.
    pidfile.unlink(missing_ok=True)
    process = subprocess.Popen(
        command,
        env=_environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return Started(name, process)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Daemons find the code and its twistd plugins where this process found it."""
    code = str(Path(galaxy.__file__).parent.parent)
    search = [code, *filter(None, [environ.get("PYTHONPATH")])]
    return {**environ, "PYTHONPATH": os.pathsep.join(search)}


def stop(daemons: Iterable[Running], grace_s: float) -> None:
    """SIGTERM to all, SIGKILL to those that are left after a while; returns when all are gone."""
    left = list(daemons)
    for signal_number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 30.0)):
        left = [daemon for daemon in left if _signal(daemon, signal_number)]
        deadline = time.monotonic() + patience_s
        while left and time.monotonic() < deadline:
            time.sleep(_STEP_S)
            left = [daemon for daemon in left if command_line(daemon.pid) == daemon.arguments]
        if not left:
            return


def _signal(daemon: Running, number: int) -> bool:
    if command_line(daemon.pid) != daemon.arguments:
        return False
    try:
        os.kill(daemon.pid, number)
    except ProcessLookupError:
        return False
    return True


def last_lines(logfile: Path, count: int = 15) -> str:
    """The end of a log."""
    try:
        text = logfile.read_text("utf-8", "replace")
    except OSError as error:
        return f"(no log: {error.strerror})"
    return "\n".join(text.splitlines()[-count:])


def log_sizes(directory: Path) -> dict[Path, int]:
    """How long each log is now."""
    return {path: path.stat().st_size for path in directory.glob("*.log")}


def log_since(logfile: Path, size: int) -> str:
    """What a log says beyond a size; all of it, if it was begun anew meanwhile."""
    try:
        content = logfile.read_bytes()
    except OSError:
        return ""
    return content[size if size <= len(content) else 0 :].decode("utf-8", "replace")


def last_words(said: str) -> str:
    """The sentence with which a daemon gave up, out of what it wrote; empty: none. Pure."""
    found = list(_LAST_WORDS.finditer(said))
    return (found[-1][1] or found[-1][2]).strip() if found else ""
