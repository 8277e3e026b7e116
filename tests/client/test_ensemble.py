"""A command asks ZooKeeper who leads, on a real server."""

from __future__ import annotations

from typing import Any
from unittest import SkipTest
from uuid import uuid4

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from galaxy.client import exits
from galaxy.client.ensemble import EnsembleFailure, check, leader_endpoint
from galaxy.nexus.urls import open_nexus
from tests.nexus import zookeeper_server
from tests.nexus.contract import Candidate

reactor: Any = installed_reactor


class EnsembleTests(TestCase):
    """One who asks, in a thread of its own: it waits for answers."""

    def setUp(self) -> None:
        reason = zookeeper_server.missing()
        if reason is not None:
            raise SkipTest(reason)
        self.hosts = zookeeper_server.shared_server().hosts
        self.chroot = f"galaxy-{uuid4().hex}"

    def url(self, user: str = "") -> str:
        return f"zookeeper://{user and user + '@'}{self.hosts}/{self.chroot}?session_s=1"

    def ask(self, url: str) -> Deferred[str | None]:
        asked: Deferred[str | None] = deferToThread(leader_endpoint, url)
        return asked

    async def refused(self, asked: Deferred[Any], code: int, sentence: str) -> None:
        failure = await self.assertFailure(asked, EnsembleFailure)
        self.assertEqual(failure.code, code)
        self.assertIn(sentence, str(failure))

    async def test_the_leader_is_named(self) -> None:
        nexus, candidate = open_nexus(self.url(), reactor), Candidate()
        self.addCleanup(nexus.close)
        candidacy = nexus.stand(candidate, "here:1")
        await candidate.reign()
        self.assertEqual(await self.ask(self.url()), "here:1")
        await deferToThread(check, self.url())
        joining: Deferred[Any] = deferToThread(check, self.url(), vacant=True)
        await self.refused(joining, exits.USAGE, "a cluster runs at zookeeper://")
        await candidacy.resign()
        await deferToThread(check, self.url(), vacant=True)
        await self.refused(self.ask(self.url()), exits.UNREACHABLE, "no master runs")

    async def test_a_wrong_chroot(self) -> None:
        await self.refused(self.ask(self.url()), exits.UNREACHABLE, f"is /{self.chroot} right?")
        await deferToThread(check, self.url())  # a cluster may begin there

    async def test_a_wrong_password(self) -> None:
        nexus, candidate = open_nexus(self.url("me:secret"), reactor), Candidate()
        self.addCleanup(nexus.close)
        nexus.stand(candidate, "here:1")
        await candidate.reign()
        self.assertEqual(await self.ask(self.url("me:secret")), "here:1")
        for user in ("me:wrong", ""):
            for what in (leader_endpoint, check):
                asked: Deferred[Any] = deferToThread(what, self.url(user))
                await self.refused(asked, exits.NOT_ALLOWED, "check user and password")

    async def test_where_nobody_listens(self) -> None:
        (port,) = zookeeper_server.free_ports(1)
        asked = self.ask(f"zookeeper://127.0.0.1:{port}/x")
        await self.refused(asked, exits.UNREACHABLE, "does not answer within")

    async def test_what_is_no_ensemble(self) -> None:
        for url, sentence in (
            ("leveldb:/x", "is no ensemble: write zookeeper://"),
            ("zookeeper://a b/x", "is not HOST or HOST:PORT"),
            ("zookeeper://a/x?y=1", "there is no option 'y'"),
        ):
            await self.refused(self.ask(url), exits.USAGE, sentence)
