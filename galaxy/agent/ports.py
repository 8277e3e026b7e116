"""
Which of the ports for whoever asks for any is given next. Pure.

What was returned last is given last, so that a port rests before it is somebody else's:
clients of who had it last have noticed, and its connections are over.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import chain, islice

from attrs import field, frozen, mutable


@frozen
class PortRange:
    """The ports that may be given to whoever asks for any: first to last, both in it."""

    first: int = 20000
    last: int = 29999

    @classmethod
    def parse(cls, text: str) -> PortRange:
        """The range in "FIRST-LAST"; ValueError if it is none."""
        first, dash, last = text.partition("-")
        if dash and first.strip().isdigit() and last.strip().isdigit():
            ports = cls(int(first), int(last))
            if 0 < ports.first <= ports.last < 65536:
                return ports
        raise ValueError(f"{text!r} is not a range of ports: write FIRST-LAST, like 20000-29999")

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last

    def __len__(self) -> int:
        return self.last - self.first + 1


@mutable
class PortPool:
    """The order in which the ports of a range are given: the fresh ones, then the returned."""

    span: PortRange
    _fresh: int = field(init=False)
    _returned: OrderedDict[int, None] = field(factory=OrderedDict, init=False)

    def __attrs_post_init__(self) -> None:
        self._fresh = self.span.first

    def next(self, count: int, unfit: Callable[[int], bool]) -> list[int]:
        """The next `count` that will do, or as many as there are. Nothing is changed."""
        in_order = chain(range(self._fresh, self.span.last + 1), self._returned)
        return list(islice((number for number in in_order if not unfit(number)), count))

    def take(self, number: int) -> None:
        """It has an owner. Fresh ones that were passed over have their turn with the returned."""
        if number not in self.span:
            return
        self._returned.pop(number, None)
        while self._fresh <= number:
            if self._fresh != number:
                self._returned[self._fresh] = None
            self._fresh += 1

    def give_back(self, number: int) -> None:
        """It has none any more."""
        if number in self.span:
            self._returned[number] = None
