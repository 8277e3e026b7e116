"""Packages over HTTP: against real servers on this machine, decent and not."""

from __future__ import annotations

import gzip
from typing import Any

from attrs import define, field
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import ResponseDone
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from twisted.web.util import Redirect
from zope.interface import implementer

from galaxy.agent.delivery.fetch import FetchError, Have, ISink, StalePart, Tag
from galaxy.agent.delivery.http import STALL_S, HttpSource, _Body
from galaxy.agent.delivery.throttle import Throttle

reactor: Any = installed_reactor
CONTENT = bytes(range(256)) * 2000
NOTHING = Have()
NO_TAG = Tag()
TAG = Tag('"one"', "Mon, 23 Nov 2026 04:00:00 GMT")


@implementer(ISink)
@define
class Collected:
    """What came."""

    offset: int = -1
    total: int | None = None
    tag: Tag = NO_TAG
    data: bytes = b""
    full: Exception | None = None

    def begin(self, offset: int, total: int | None, tag: Tag) -> None:
        """Note it."""
        self.offset, self.total, self.tag = offset, total, tag

    def write(self, data: bytes) -> None:
        """Keep it, or fail."""
        if self.full is not None:
            raise self.full
        self.data += data


@define(slots=False, eq=False)
class Served(Resource):
    """
    A file with tags and ranges; the first `breaks` answers break off in the middle.

    twisted.web.resource.Resource has an initialiser of its own, which is called here.
    """

    breaks: int = 0
    ranges: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        super().__init__()

    def render_GET(self, request: Any) -> bytes | int:
        """Serve what was asked for."""
        asked = (request.getHeader(b"range") or b"").decode()
        self.ranges.append(asked)
        request.setHeader(b"etag", TAG.etag.encode())
        request.setHeader(b"last-modified", TAG.modified.encode())
        if request.getHeader(b"if-none-match") == TAG.etag.encode():
            request.setResponseCode(304)
            return b""
        start = 0
        if asked and request.getHeader(b"if-range") == TAG.etag.encode():
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(CONTENT):
                request.setResponseCode(416)
                return b""
            span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
            request.setHeader(b"content-range", span.encode())
            request.setResponseCode(206)
        body = CONTENT[start:]
        if self.breaks > 0:
            self.breaks -= 1
            request.setHeader(b"content-length", str(len(body)).encode())
            request.write(body[: len(body) // 2])
            reactor.callLater(0.01, request.transport.loseConnection)
            return NOT_DONE_YET
        return body


@define(slots=False, eq=False)
class Answer(Resource):
    """Answers with a status and a body."""

    code: int = 200
    headers: dict[bytes, bytes] = field(factory=dict)
    body: bytes = b""

    def __attrs_post_init__(self) -> None:
        super().__init__()

    def render_GET(self, request: Any) -> int:
        """Answer, with a length of its own if so told."""
        request.setResponseCode(self.code)
        for name, value in self.headers.items():
            request.setHeader(name, value)
        request.write(self.body)
        request.finish()
        return NOT_DONE_YET


class HttpTests(TestCase):
    """http:// URLs."""

    def setUp(self) -> None:
        self.served = Served()
        root = Resource()
        root.putChild(b"package", self.served)
        root.putChild(b"moved", Redirect(b"/package"))
        for code in (403, 404, 410, 429, 500, 503):
            root.putChild(str(code).encode(), Answer(code, body=b"no"))
        encoded = Answer(headers={b"content-encoding": b"gzip"}, body=gzip.compress(CONTENT))
        root.putChild(b"encoded", encoded)
        root.putChild(b"endless", Answer(headers={b"content-length": b"5"}, body=b"12345678"))
        wrong = Answer(206, {b"content-range": b"bytes 7-9/10"}, b"789")
        root.putChild(b"another-range", wrong)
        self.listening: Any = reactor.listenTCP(0, Site(root), interface="127.0.0.1")
        self.addCleanup(self.listening.stopListening)
        self.base = f"http://127.0.0.1:{self.listening.getHost().port}"
        self.source = HttpSource.over(reactor, Throttle())

    async def get(self, name: str, have: Have = NOTHING) -> Collected:
        """What comes."""
        sink = Collected()
        await self.source.fetch(f"{self.base}/{name}", have, sink)
        return sink

    async def refused(self, name: str, have: Have = NOTHING) -> FetchError:
        """Why nothing, or not all, comes."""
        fetched = self.source.fetch(f"{self.base}/{name}", have, Collected())
        error: Any = await self.assertFailure(fetched, FetchError)
        assert isinstance(error, FetchError)
        return error

    async def test_stream(self) -> None:
        """The body with its size and tags, also behind a redirection."""
        for name in ("package", "moved"):
            came = await self.get(name)
            self.assertEqual((came.offset, came.total, came.tag), (0, len(CONTENT), TAG))
            self.assertEqual(came.data, CONTENT)

    async def test_goes_on(self) -> None:
        """What is there is not sent again, if it is still the same."""
        came = await self.get("package", Have(1000, TAG))
        self.assertEqual((came.offset, came.total, came.data), (1000, len(CONTENT), CONTENT[1000:]))
        changed = await self.get("package", Have(1000, Tag('"another"')))
        self.assertEqual((changed.offset, changed.data), (0, CONTENT))

    async def test_not_modified(self) -> None:
        """What is still the same does not come at all."""
        sink = Collected()
        came = await self.source.fetch(f"{self.base}/package", Have(whole=TAG), sink)
        self.assertEqual((came, sink.offset), (False, -1))

    async def test_stale(self) -> None:
        """A part that the server cannot go on from is told apart."""
        for name, have in (
            ("package", Have(len(CONTENT), TAG)),
            ("another-range", Have(3, TAG)),
        ):
            self.assertIsInstance(await self.refused(name, have), StalePart)

    async def test_refusals(self) -> None:
        """A refusal names URL and status; those of the server's own trouble may pass."""
        for code, final in ((403, True), (404, True), (410, True), (429, False), (503, False)):
            error = await self.refused(str(code))
            self.assertIn(f"/{code} is answered with {code} ", error.reason)
            self.assertEqual(error.final, final, code)

    async def test_broken(self) -> None:
        """A body that breaks off is a failure that may pass, not a short package."""
        self.served.breaks = 1
        self.assertFalse((await self.refused("package")).final)

    async def test_length_that_lies(self) -> None:
        """No more is taken than was announced."""
        self.assertEqual((await self.get("endless")).data, b"12345")

    async def test_as_it_is(self) -> None:
        """An archive that the server calls an encoding is not undone: its sha256 is of it so."""
        self.assertEqual(gzip.decompress((await self.get("encoded")).data), CONTENT)

    async def test_nobody(self) -> None:
        """Nobody listens: that may pass."""
        fetched = self.source.fetch("http://127.0.0.1:1/x", Have(), Collected())
        error: Any = await self.assertFailure(fetched, FetchError)
        self.assertTrue(
            error.reason.endswith("127.0.0.1:1/x cannot be fetched: Connection refused")
        )
        self.assertFalse(error.final)

    async def test_disk(self) -> None:
        """When what came cannot be written, the fetch ends with that."""
        sink = Collected(full=OSError(28, "No space left on device"))
        fetched: Deferred[Any] = self.source.fetch(f"{self.base}/package", Have(), sink)
        await self.assertFailure(fetched, OSError)

    async def test_given_up(self) -> None:
        """Whoever gives up hears at once, and the server's connection ends."""
        fetched = self.source.fetch(f"{self.base}/package", Have(), Collected())
        reactor.callLater(0, fetched.cancel)
        await self.assertFailure(fetched, CancelledError)

    async def test_quiet(self) -> None:
        """Connections are not logged one by one, neither those that fail."""
        with capturedLogs() as events:
            await self.get("package")
            fetched = self.source.fetch("http://127.0.0.1:1/x", Have(), Collected())
            await self.assertFailure(fetched, FetchError)
        told = [formatEvent(event) for event in events]
        self.assertEqual([line for line in told if "ClientFactory" in line], [])

    async def test_rate(self) -> None:
        """Three fetches at once take as long as the bound says, and all come whole."""
        bytes_ps = 3_000_000
        self.source = HttpSource.over(reactor, Throttle(bytes_ps))
        began = reactor.seconds()
        came = await gatherResults([Deferred.fromCoroutine(self.get("package")) for _ in range(3)])
        self.assertEqual([each.data for each in came], [CONTENT] * 3)
        # The last piece of each is not waited for.
        least = (3 * len(CONTENT) - 3 * (1 << 16)) / bytes_ps
        self.assertGreaterEqual(reactor.seconds() - began, least)


class BodyTests(SynchronousTestCase):
    """A body, piece by piece, on a clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.transport = StringTransport()
        self.sink = Collected()
        self.body = _Body(self.sink, self.clock, Throttle(1000.0))
        self.body.makeConnection(self.transport)

    def test_paused(self) -> None:
        """After a piece the server waits for its turn, and that is no silence."""
        self.body.dataReceived(bytes(100_000))
        self.assertEqual(self.transport.producerState, "paused")
        self.clock.advance(99.0)
        self.assertEqual(self.transport.producerState, "paused")
        self.clock.advance(1.0)
        self.assertEqual(self.transport.producerState, "producing")
        self.body.connectionLost(Failure(ResponseDone()))
        self.assertIsNone(self.successResultOf(self.body.whole))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silence(self) -> None:
        """A server that sends nothing has failed, for now, and is hung up on."""
        self.clock.advance(STALL_S)
        error = self.failureResultOf(self.body.whole, FetchError).value
        self.assertIn("nothing came for 60 s", error.reason)
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual(self.clock.getDelayedCalls(), [])
