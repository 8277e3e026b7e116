"""A package that comes slowly, to a machine whose agent is killed meanwhile."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IPullProducer
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from zope.interface import implementer

from tests.agent.delivery.test_unpack import tar
from tests.integration.cluster import ClusterTestCase, reactor, until
from tests.integration.test_first_path import job

MIB = 1 << 20
TAG = b'"one"'


class Half(Resource):
    """Sends half of a package and then nothing; who asks for the rest gets it."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content
        self.asked: list[str] = []

    def render_GET(self, request: Any) -> bytes | int:
        """Send what is asked for."""
        request.setHeader(b"etag", TAG)
        span = (request.getHeader(b"range") or b"").decode()
        self.asked.append(span)
        if span and request.getHeader(b"if-range") == TAG:
            start = int(span.removeprefix("bytes=").removesuffix("-"))
            request.setResponseCode(206)
            told = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
            request.setHeader(b"content-range", told.encode())
            return self.content[start:]
        request.setHeader(b"content-length", str(len(self.content)).encode())
        request.write(self.content[: len(self.content) // 2])
        return NOT_DONE_YET


@implementer(IPullProducer)
class Endless(Resource):
    """Sends as much as is taken, and says of no end."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0

    def render_GET(self, request: Any) -> int:
        """Begin."""
        self.request = request
        request.registerProducer(self, False)
        return NOT_DONE_YET

    def resumeProducing(self) -> None:
        """Send more."""
        self.sent += MIB
        self.request.write(bytes(MIB))

    def stopProducing(self) -> None:
        """Nobody listens any more."""


class PackageTests(ClusterTestCase):
    """One agent."""

    up_options = ("--agents", "1", "--memory", "2G", "--millicores", "2000")

    async def test_goes_on(self) -> None:
        """
        Three pods wait for one fetch, which `galaxy tasks` shows; the next agent goes on
        where the killed one was.
        """
        half = Half(gzip.compress(tar(("data", os.urandom(4 * MIB))), compresslevel=0))
        root = Resource()
        root.putChild(b"package", half)
        listening = reactor.listenTCP(0, Site(root), interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        packaged = job("packaged", "exec sleep 1000", replica=3)
        packaged["pod"]["tasks"][0].update(
            source_type="kSourceTypeFTP",
            binary=f"http://127.0.0.1:{listening.getHost().port}/package",
        )
        job_id = await self.cluster.submit(packaged)

        async def halfway() -> bool:
            tasks = await self.cluster.json("tasks", "-j", job_id)
            return [task["progress"] for task in tasks] == ["2.0 of 4.0 MiB fetched"] * 3

        await until(halfway)
        self.assertIn("2.0 of 4.0 MiB fetched", await self.cluster.galaxy("tasks", "-j", job_id))
        await self.cluster.kill("agent-0")
        await self.cluster.up()
        for pod in await self.cluster.running(job_id, 3):
            self.assertEqual((Path(pod["path"]) / "0/data").stat().st_size, 4 * MIB)
        self.assertEqual(half.asked, ["", f"bytes={len(half.content) // 2}-"])

    async def test_endless(self) -> None:
        """A package without an end is refused where its pod has no room, and leaves nothing."""
        endless = Endless()
        root = Resource()
        root.putChild(b"package", endless)
        listening = reactor.listenTCP(0, Site(root), interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        attack = job("endless", "exec sleep 1000")
        attack["pod"]["requirement"]["workspace"] = "16M"
        attack["pod"]["tasks"][0].update(
            source_type="kSourceTypeFTP",
            binary=f"http://127.0.0.1:{listening.getHost().port}/package",
        )
        job_id = await self.cluster.submit(attack)

        async def refused() -> bool:
            events = await self.cluster.json("events", "-j", job_id)
            return "larger than 16.0 MiB" in json.dumps(events)

        await until(refused)
        self.assertLess(endless.sent, 200 * MIB)
        await self.cluster.galaxy("kill", "-j", job_id)
        parts = [path for path in self.cluster.directory.rglob("parts/*") if path.is_file()]
        self.assertEqual(parts, [])
