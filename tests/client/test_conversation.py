"""A command and whoever runs it, over a real connection; the terminal is a pseudo-terminal."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from galaxy.client.conversation import Conversation
from galaxy.protocol.agent_pb2 import (
    ExecItem,
    ExecRequest,
    FeedExecRequest,
    FeedExecResponse,
    FileChunk,
    ListFilesRequest,
    ListFilesResponse,
    ReadFileRequest,
)
from galaxy.protocol.blocking import BlockingPeer
from galaxy.protocol.calls import Call
from galaxy.protocol.methods import Served
from galaxy.protocol.services import CONSOLE, IConsole
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.tcp import TcpNetwork
from galaxy.protocol.types_pb2 import Status, kNotFound, kRpcError
from tests.protocol.echo import hello

T = TypeVar("T")
Send = Callable[[ExecItem], Awaitable[None]]


@implementer(IConsole)
@define(eq=False)
class Cat:
    """
    A command that answers its input, until that ends or `takes` bytes have come; then it
    exits with 3. Sizes of the terminal are written to stderr.
    """

    takes: int = 1 << 30
    silent_end: bool = False
    fed: list[FeedExecRequest] = field(factory=list)
    gone: Deferred[None] = field(factory=Deferred)
    _news: list[FeedExecRequest] = field(factory=list)
    _waiting: Deferred[None] | None = None

    async def exec(self, request: ExecRequest, call: Call, send: Send) -> None:
        taken = 0
        try:
            while taken < self.takes:
                if not self._news:
                    self._waiting = Deferred()
                    await self._waiting
                feed = self._news.pop(0)
                taken += len(feed.stdin)
                if feed.rows:
                    await send(ExecItem(stderr=f"{feed.rows}x{feed.columns}".encode()))
                if feed.stdin:
                    await send(ExecItem(stdout=feed.stdin))
                if feed.eof:
                    break
        except CancelledError:
            self.gone.callback(None)
            raise
        if not self.silent_end:
            await send(ExecItem(ended=True, exit_code=3))

    async def feed_exec(self, request: FeedExecRequest, call: Call) -> FeedExecResponse:
        self.fed.append(request)
        if sum(len(each.stdin) for each in self.fed) > self.takes:
            raise GalaxyError(kNotFound, "the command takes no more")
        self._news.append(request)
        if self._waiting is not None and not self._waiting.called:
            self._waiting.callback(None)
        return FeedExecResponse()

    async def list_files(
        self,
        request: ListFilesRequest,
        call: Call,
        send: Callable[[ListFilesResponse], Awaitable[None]],
    ) -> None:
        raise AssertionError

    async def read_file(
        self, request: ReadFileRequest, call: Call, send: Callable[[FileChunk], Awaitable[None]]
    ) -> None:
        raise AssertionError


class ConversationTests(TestCase):
    """The client is in a thread, the agent on the reactor."""

    timeout = 60

    def setUp(self) -> None:
        self.cat = Cat()
        self.out: list[bytes] = []
        self.err: list[bytes] = []

    def pipe(self) -> tuple[int, int]:
        """A pipe that is closed in the end."""
        reader, writer = os.pipe()
        self.addCleanup(_closed, reader)
        self.addCleanup(_closed, writer)
        return reader, writer

    def write(self, data: bytes, *, stderr: bool) -> None:
        """What the command writes."""
        (self.err if stderr else self.out).append(data)

    async def talk(self, client: Callable[[Conversation], T]) -> T:
        """Serve, and let a client talk to the end."""
        network = TcpNetwork(reactor)
        served = [Served(CONSOLE, self.cat)]
        listening = await network.listen("127.0.0.1:0", hello("agent"), served)
        self.addCleanup(listening.stop)

        def connected() -> T:
            with BlockingPeer(listening.address, hello("cli")) as peer:
                return client(Conversation(peer, ExecRequest(session="s"), self.write))

        return await deferToThread(connected)

    async def test_input_and_end(self) -> None:
        """All that is typed arrives in order, then its end; the code comes back."""
        reader, writer = self.pipe()
        data = os.urandom(3_000_000)

        def client(conversation: Conversation) -> ExecItem:
            typing = threading.Thread(target=_write_all, args=(writer, data))
            typing.start()
            conversation.stdin = reader
            end = conversation.run()
            typing.join()
            return end

        end = await self.talk(client)
        self.assertEqual(end.exit_code, 3)
        self.assertEqual(b"".join(self.out), data)
        self.assertTrue(self.cat.fed[-1].eof)
        self.assertEqual({each.session for each in self.cat.fed}, {"s"})

    async def test_a_command_that_takes_no_more(self) -> None:
        """It need not be fed to the end: the session ends when it does."""
        reader, writer = self.pipe()
        self.cat.takes = 5

        def client(conversation: Conversation) -> ExecItem:
            os.write(writer, b"12345")
            conversation.stdin = reader
            return conversation.run()

        end = await self.talk(client)
        self.assertEqual((end.exit_code, b"".join(self.out)), (3, b"12345"))

    async def test_no_input(self) -> None:
        """Without -i nothing is read: not even what is there."""
        reader, writer = self.pipe()
        os.write(writer, b"for somebody else")
        signals, wakes = self.pipe()

        def client(conversation: Conversation) -> ExecItem:
            conversation.signals = signals
            os.write(wakes, bytes([signal.SIGINT]))
            self.cat.takes = 1
            return conversation.run()

        await self.talk(client)
        self.assertEqual(os.read(reader, 100), b"for somebody else")
        self.assertEqual(b"".join(self.out), b"\x03")

    async def test_sizes(self) -> None:
        """A terminal that changes its size tells the command's at once."""
        signals, wakes = self.pipe()
        reader, writer = self.pipe()

        def write(data: bytes, *, stderr: bool) -> None:
            self.write(data, stderr=stderr)
            if stderr:
                os.close(writer)

        def client(conversation: Conversation) -> ExecItem:
            os.write(wakes, bytes([signal.SIGWINCH]))
            conversation.signals, conversation.stdin = signals, reader
            conversation.size = lambda: (50, 132)
            conversation.write = write
            return conversation.run()

        await self.talk(client)
        self.assertEqual(self.err, [b"50x132"])

    async def test_whoever_leaves(self) -> None:
        """When writing fails here, the call is taken back, and the command learns of it."""
        reader, writer = self.pipe()

        def write(data: bytes, *, stderr: bool) -> None:
            raise KeyboardInterrupt

        def client(conversation: Conversation) -> bool:
            os.write(writer, b"x")
            conversation.stdin, conversation.write = reader, write
            try:
                conversation.run()
            except KeyboardInterrupt:
                return True
            return False

        self.assertTrue(await self.talk(client))
        await self.cat.gone

    async def test_an_agent_that_does_not_say_how_it_ended(self) -> None:
        """A session without an end is a failure, not a success."""
        reader, writer = self.pipe()
        os.close(writer)
        self.cat.silent_end = True

        def client(conversation: Conversation) -> Status | None:
            conversation.stdin = reader
            try:
                conversation.run()
            except GalaxyError as error:
                return error.status
            return None

        self.assertEqual(await self.talk(client), kRpcError)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.close(descriptor)


def _closed(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return  # the test has
