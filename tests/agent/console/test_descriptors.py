"""Both ends of a pipe, at the pace of whoever is at the other."""

from __future__ import annotations

import os

from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.console.descriptors import CHUNK, NoReader, Sink, Source


class DescriptorTests(SynchronousTestCase):
    """A pipe."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.rung = 0
        self.read_end, self.write_end = os.pipe()

    def ring(self) -> None:
        """There is more to take."""
        self.rung += 1

    def source(self) -> Source:
        """One that reads it."""
        source = Source(self.reactor, self.read_end, self.ring)
        self.addCleanup(source.close)
        return source

    def sink(self) -> Sink:
        """One that writes to it."""
        sink = Sink(self.reactor, self.write_end)
        self.addCleanup(sink.close)
        return sink

    def test_taken(self) -> None:
        """Nothing is read before somebody takes; who took nothing is rung once there is more."""
        source = self.source()
        self.addCleanup(os.close, self.write_end)
        self.assertEqual((source.take(), self.reactor.readers), (b"", {source}))
        os.write(self.write_end, b"one")
        source.doRead()
        self.assertEqual((self.rung, self.reactor.readers), (1, set()))
        os.write(self.write_end, b"two")
        self.assertEqual((source.take(), self.rung), (b"onetwo", 1))

    def test_no_more_than_a_chunk(self) -> None:
        """A piece has a bound; the rest is for the next."""
        source, sink = self.source(), self.sink()
        sent = 2 * CHUNK + 1
        taken: list[int] = []
        written = sink.write(b"x" * sent)
        while sum(taken) < sent:
            taken.append(len(source.take()))
            sink.doWrite()
        self.successResultOf(written)
        self.assertLessEqual(max(taken), CHUNK)

    def test_the_end(self) -> None:
        """After the last writer there is nothing, and nobody waits for more."""
        source = self.source()
        os.write(self.write_end, b"last")
        os.close(self.write_end)
        self.assertEqual((source.take(), source.take()), (b"last", b""))
        self.assertEqual(self.reactor.readers, set())

    def test_written(self) -> None:
        """A piece that is too much for the pipe waits for a reader."""
        sink = self.sink()
        self.addCleanup(os.close, self.read_end)
        written = sink.write(b"x" * (1 << 20))
        self.assertNoResult(written)
        self.assertEqual(self.reactor.writers, {sink})
        left = 1 << 20
        while left:
            left -= len(os.read(self.read_end, left))
            sink.doWrite()
        self.successResultOf(written)
        self.assertEqual(self.reactor.writers, set())

    def test_nobody_reads(self) -> None:
        """Input for nobody fails, be it before or while it waits."""
        sink = self.sink()
        waiting = sink.write(b"x" * (1 << 20))
        os.close(self.read_end)
        sink.doWrite()
        self.failureResultOf(waiting, NoReader)
        self.failureResultOf(sink.write(b"more"), NoReader)

    def test_closed(self) -> None:
        """What still waits when the sink is closed has not gone."""
        self.addCleanup(os.close, self.read_end)
        sink = Sink(self.reactor, self.write_end)
        waiting = sink.write(b"x" * (1 << 20))
        sink.close()
        self.failureResultOf(waiting, NoReader)
        self.assertEqual(self.reactor.writers, set())
