"""Real pipes and terminals; the command at their other end is this test."""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from galaxy.agent.console.channels import Channels, IChannel, Window
from galaxy.agent.console.descriptors import CHUNK, NoReader


class ChannelTests(TestCase):
    """Opened, used from both ends, closed."""

    timeout = 30

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.channels = Channels(cast("Any", reactor), self.directory)
        self.channels.prepare()
        self.rung: Deferred[None] = Deferred()

    def ring(self) -> None:
        """There may be more."""
        rung, self.rung = self.rung, Deferred()
        rung.callback(None)

    def open(self, window: Window | None = None, *, interactive: bool = True) -> IChannel:
        """A channel that is hung up in the end."""
        channel = self.channels.open("", window, interactive=interactive, ring=self.ring)
        self.addCleanup(channel.close)
        return channel

    def end(self, path: str, flags: int) -> int:
        """The command's end."""
        descriptor = os.open(path, flags)
        self.addCleanup(_closed, descriptor)
        return descriptor

    async def taken(self, channel: IChannel, size: int) -> tuple[bytes, bytes]:
        """So many bytes of what was written."""
        out = err = b""
        while len(out) + len(err) < size:
            more_out, more_err = channel.take()
            out, err = out + more_out, err + more_err
            if not more_out and not more_err:
                await self.rung
        return out, err

    async def test_pipes(self) -> None:
        """stdout and stderr are apart, and rung for; nothing is left in the directory."""
        channel = self.open()
        ends = channel.ends()
        out, err = (self.end(path, os.O_WRONLY) for path in (ends.stdout, ends.stderr))
        stdin = self.end(ends.stdin, os.O_RDONLY | os.O_NONBLOCK)
        channel.began()
        self.assertEqual(list(self.directory.iterdir()), [])
        self.assertEqual(channel.take(), (b"", b""))
        os.write(out, b"one")
        os.write(err, b"oh")
        self.assertEqual(await self.taken(channel, 5), (b"one", b"oh"))
        await channel.write(b"typed")
        self.assertEqual(os.read(stdin, 10), b"typed")
        channel.end_input()
        self.assertEqual(os.read(stdin, 10), b"")
        await self.assertFailure(channel.write(b"late"), NoReader)

    async def test_what_is_not_taken_stays(self) -> None:
        """A piece has a bound, and a writer waits when nobody takes."""
        channel = self.open()
        ends = channel.ends()
        out = self.end(ends.stdout, os.O_WRONLY | os.O_NONBLOCK)
        channel.began()
        written = 0
        while select.select([], [out], [], 0)[1]:
            written += os.write(out, bytes(4096))
        self.assertLess(written, 1 << 20)
        self.assertLessEqual(len(channel.take()[0]), CHUNK)

    async def test_a_command_that_does_not_read(self) -> None:
        """What is passed on is so when there is room; and never, when it closes its input."""
        channel = self.open()
        stdin = self.end(channel.ends().stdin, os.O_RDONLY | os.O_NONBLOCK)
        channel.began()
        data = os.urandom(3 << 20)
        going = channel.write(data)
        self.assertNoResult(going)
        read = b""
        while len(read) < len(data):
            if select.select([stdin], [], [], 0)[0]:
                read += os.read(stdin, 1 << 20)
            await self._turn()
        await going
        self.assertTrue(read == data)
        going = channel.write(data)
        os.close(stdin)
        await self.assertFailure(going, NoReader)

    async def _turn(self) -> None:
        turned: Deferred[None] = Deferred()
        cast("Any", reactor).callLater(0, turned.callback, None)
        await turned

    async def test_closing_ends_what_waits(self) -> None:
        """Whoever waits for room is told that there will be none."""
        channel = self.channels.open("", None, interactive=True, ring=self.ring)
        self.end(channel.ends().stdin, os.O_RDONLY | os.O_NONBLOCK)
        channel.began()
        going = channel.write(bytes(3 << 20))
        channel.close()
        await self.assertFailure(going, NoReader)

    async def test_a_command_that_has_ended_before_its_input(self) -> None:
        """It takes no more, and that is all."""
        channel = self.open()
        channel.began()
        await self.assertFailure(channel.write(b"x"), NoReader)

    async def test_terminal(self) -> None:
        """It has a size, echoes as terminals do, and ends a line that was begun."""
        channel = self.open(Window(30, 100))
        device = self.end(channel.ends().terminal, os.O_RDWR | os.O_NOCTTY)
        channel.began()
        self.assertEqual(tuple(os.get_terminal_size(device)), (100, 30))
        channel.resize(Window(50, 132))
        self.assertEqual(tuple(os.get_terminal_size(device)), (132, 50))
        await channel.write(b"half a line")
        self.assertEqual(await self.taken(channel, 11), (b"half a line", b""))
        channel.end_input()
        self.assertEqual(os.read(device, 100), b"half a line")
        self.assertEqual(os.read(device, 100), b"")
        os.write(device, b"last")
        os.close(device)
        self.assertEqual((await self.taken(channel, 4))[0][-4:], b"last")
        self.assertEqual(channel.take(), (b"", b""))

    def test_what_an_earlier_agent_left(self) -> None:
        """It is removed at the start."""
        self.open()
        self.assertTrue(list(self.directory.iterdir()))
        self.channels.prepare()
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_the_next_agent_uses_none_of_the_paths_of_the_last(self) -> None:
        """Else a command of the last one that gce begins late writes to somebody else's reader."""
        before = self.open().ends()
        self.channels = Channels(cast("Any", reactor), self.directory)
        self.channels.prepare()
        after = self.open().ends()
        for path in (after.stdin, after.stdout, after.stderr):
            self.assertNotIn(path, {before.stdin, before.stdout, before.stderr})


def _closed(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return  # the test has
