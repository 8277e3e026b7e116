"""What happened in a run, and what was wrong about it."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field


class Violation(Exception):
    """A law of the cluster was broken; the sentence says which, and by what."""


@define(eq=False)
class History:
    """
    Lines of time, kind and words, from the beginning of the run.

    `broken`: the laws that were broken, in order. Nothing is raised where it is
    seen, deep inside of a call of the product that might swallow it.
    """

    now: Callable[[], float]
    lines: list[str] = field(factory=list)
    broken: list[str] = field(factory=list)

    def note(self, kind: str, words: str) -> None:
        """Something happened."""
        self.lines.append(f"{self.now():9.3f} {kind:<7} {words}")

    def breach(self, words: str) -> None:
        """A law was broken."""
        self.note("BROKEN", words)
        self.broken.append(words)

    def check(self) -> None:
        """Raise the first `Violation`, if there is one."""
        if self.broken:
            raise Violation(self.broken[0])
