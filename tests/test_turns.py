"""A line of work."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.turns import Turns


class TurnsTests(SynchronousTestCase):
    """What is done one after the other."""

    def setUp(self) -> None:
        self.turns = Turns()
        self.done: list[int] = []

    async def work(self, number: int, gate: Deferred[None] | None = None) -> int:
        """Note the number, when the gate opens."""
        if gate is not None:
            await gate
        self.done.append(number)
        return number

    def test_in_order(self) -> None:
        gate: Deferred[None] = Deferred()
        first = self.turns.run(self.work(1, gate))
        second = self.turns.run(self.work(2))
        self.assertNoResult(second)
        gate.callback(None)
        self.assertEqual((self.successResultOf(first), self.successResultOf(second)), (1, 2))
        self.assertEqual(self.done, [1, 2])

    def test_what_fails_holds_nobody_up(self) -> None:
        gate: Deferred[None] = Deferred()
        first = self.turns.run(self.work(1, gate))
        second = self.turns.run(self.work(2))
        gate.errback(ValueError())
        self.failureResultOf(first, ValueError)
        self.assertEqual(self.successResultOf(second), 2)

    def test_a_long_line_that_ends_at_once(self) -> None:
        """With DeferredLock each would end within the end of the one before."""
        gate: Deferred[None] = Deferred()
        self.turns.run(self.work(0, gate))
        many = [self.turns.run(self.work(number)) for number in range(1, 5000)]
        gate.callback(None)
        self.assertEqual(list(map(self.successResultOf, many)), self.done[1:])
        self.assertEqual(self.done, list(range(5000)))

    def test_more_work_from_within(self) -> None:
        asked: list[Deferred[int]] = []

        async def first() -> None:
            asked.append(self.turns.run(self.work(2)))
            self.done.append(1)

        self.successResultOf(self.turns.run(first()))
        self.assertEqual(self.successResultOf(asked[0]), 2)
        self.assertEqual(self.done, [1, 2])
