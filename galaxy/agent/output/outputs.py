"""
The files that a task's processes write to: their names, and the order they were begun in. Pure.

    <task number>.<incarnation>.<process>.<stdout or stderr>      0.3.main.2.stderr

Each process has its own two. The incarnation is part of the name because one that
takes over in place takes over the directory as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

_NAME = re.compile(r"([0-9]+)\.([0-9]+)\.(deploy|main|stop)(?:\.([0-9]+))?\.(stdout|stderr)")
_STAGES = ("deploy", "main", "stop")

Order = tuple[int, int, int]


@frozen
class Output:
    """One output file of one process, such as "main.2" or "stop"."""

    number: int  # of the task in its pod
    incarnation: int
    process: str
    stderr: bool

    @property
    def name(self) -> str:
        """What the file is called."""
        stream = "stderr" if self.stderr else "stdout"
        return f"{self.number}.{self.incarnation}.{self.process}.{stream}"

    @property
    def order(self) -> Order:
        """Of two files of a task's stream, the one with the lower order was begun earlier."""
        stage, _, count = self.process.partition(".")
        return (self.incarnation, _STAGES.index(stage), int(count or 0))


def output(name: str) -> Output | None:
    """The output file that a name of a pod's directory means, if it means one."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    number, incarnation, stage, count, stream = found.groups()
    process = stage if count is None else f"{stage}.{count}"
    return Output(int(number), int(incarnation), process, stream == "stderr")


def previous(outputs: Iterable[Output]) -> Output | None:
    """
    Of a task's files, what the attempt before the latest one wrote.

    An attempt is a main process; of an incarnation that never had one, each deployment.
    """
    outputs = list(outputs)
    ran = {each.incarnation for each in outputs if _stage(each) == "main"}
    attempts = sorted(
        (
            each
            for each in outputs
            if _stage(each) == ("main" if each.incarnation in ran else "deploy")
        ),
        key=lambda each: each.order,
    )
    return attempts[-2] if len(attempts) > 1 else None


def _stage(each: Output) -> str:
    return each.process.partition(".")[0]
