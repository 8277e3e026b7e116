"""
A command that people run in a task: how it is asked of gce, how it is told of. Pure.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from attrs import frozen

from galaxy.agent.records import End
from galaxy.protocol.gce_pb2 import ExecuteRequest

PREFIX = "exec."
_SHELL = "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"
_LONGEST_WORD = 80


@frozen
class Ends:
    """
    By which paths gce finds what the command reads and writes.

    With a terminal it is all three of them; without stdin there is nothing to read.
    """

    stdout: str
    stderr: str
    stdin: str = ""
    terminal: str = ""


def request_of(
    main: ExecuteRequest, name: str, command: Sequence[str], ends: Ends, term: str
) -> ExecuteRequest:
    """
    What is asked of gce. `main` is how the task's own process was started: the command
    has its user, directory, environment and limits, and joins it where it is.
    """
    request = ExecuteRequest()
    request.CopyFrom(main)
    request.name = name
    request.join = main.name
    request.command = f"exec {shlex.join(command)}" if command else _SHELL
    request.stdin_path = ends.stdin
    request.stdout_path, request.stderr_path = ends.stdout, ends.stderr
    request.terminal = ends.terminal
    if ends.terminal:
        request.envs[:] = [*_without(main.envs, "TERM"), f"TERM={term or 'xterm'}"]
    request.envs.append(mark(name))
    return request


def mark(name: str) -> str:
    """By which environment what a command began is known."""
    return f"GALAXY_EXEC={name}"


def _without(envs: Iterable[str], name: str) -> Iterable[str]:
    return (env for env in envs if not env.startswith(f"{name}="))


def told(command: Sequence[str]) -> str:
    """
    A command as events tell of it: its first word, and how many arguments it had.

    What the arguments are is nobody's business: they may hold secrets.
    """
    if not command:
        return "a shell"
    word = command[0]
    shown = "".join(letter for letter in word if letter.isprintable())[:_LONGEST_WORD]
    count = len(command) - 1
    return repr(shown) + (f" with {count} argument{'s' * (count > 1)}" if count else "")


def told_end(command: Sequence[str], end: End | None) -> str:
    """How a command ended, as events tell of it; None: whoever ran it has gone."""
    how = str(end) if end is not None else "is ended: whoever ran it has gone"
    return f"{told(command)} {how}"
