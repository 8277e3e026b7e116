"""The nexus on a real ZooKeeper keeps the contract, and what befalls ensembles befalls it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any
from uuid import uuid4

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue, gatherResults
from twisted.internet.interfaces import IAddress
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs, formatEvent
from twisted.protocols.portforward import ProxyFactory, ProxyServer
from twisted.trial.unittest import SkipTest, TestCase

from galaxy.nexus.interfaces import (
    Conflict,
    Delete,
    Entry,
    INexus,
    Leader,
    NexusError,
    NotAllowed,
    OutcomeUnknown,
    Put,
    StaleEpoch,
    Unavailable,
)
from galaxy.nexus.urls import open_discovery, open_nexus
from galaxy.nexus.zookeeper import ZooKeeperNexus
from tests.nexus import contract, zookeeper_server


class ZooKeeperNexusContractTests(contract.SharedNexusContract):
    """The contract, on one real server, each test in a chroot of its own."""

    def setUp(self) -> None:
        reason = zookeeper_server.missing()
        if reason is not None:
            raise SkipTest(reason)
        self.url = zookeeper_server.shared_server().url(f"galaxy-{uuid4().hex}/inner")

    async def open_nexus(self) -> INexus:
        """Another participant."""
        nexus = open_nexus(self.url, reactor)
        self.addCleanup(nexus.close)
        return nexus


class Wire(ProxyFactory):
    """What stands between a participant and a server, to be cut without a word to either."""

    def __init__(self, server: zookeeper_server.ZooKeeperServer) -> None:
        super().__init__("127.0.0.1", server.port)
        self._open: list[ProxyServer] = []
        self._listening: Any = None
        self._port = 0

    def buildProtocol(self, addr: IAddress | None) -> ProxyServer | None:
        """Remember each connection."""
        protocol = super().buildProtocol(addr)
        if protocol is not None:
            self._open.append(protocol)
        return protocol

    def mend(self) -> int:
        """Pass bytes on, from a port that stays the same: the answer."""
        factory: Any = self  # its protocol is not of the type that listenTCP wants
        self._listening = reactor.listenTCP(self._port, factory, interface="127.0.0.1")
        self._port = self._listening.getHost().port
        return self._port

    async def stall(self) -> None:
        """Pass nothing on, either way, close nothing and take nobody new."""
        listening, self._listening = self._listening, None
        await listening.stopListening()
        for protocol in self._open:
            here: Any = protocol
            for end in (here, here.peer):
                end.dataReceived = end.connectionLost = lambda _: None
                end.transport.unregisterProducer()

    def swallow(self) -> None:
        """Pass on what is asked, and no answer, until it is cut and mended."""
        for protocol in self._open:
            peer: Any = protocol.peer
            peer.dataReceived = lambda _: None

    async def cut(self) -> None:
        """Drop connections and take no new ones."""
        if self._listening is not None:
            listening, self._listening = self._listening, None
            await listening.stopListening()
        for protocol in self._open:
            assert protocol.transport is not None
            protocol.transport.abortConnection()  # type: ignore[attr-defined]
        self._open = []


class ZooKeeperTestCase(TestCase):
    """Sessions of one second on real servers."""

    def setUp(self) -> None:
        reason = zookeeper_server.missing()
        if reason is not None:
            raise SkipTest(reason)
        self.chroot = f"galaxy-{uuid4().hex}"

    def open_nexus(self, hosts: str, *, user: str = "", session_s: int = 1) -> ZooKeeperNexus:
        """A participant."""
        url = f"zookeeper://{user and user + '@'}{hosts}/{self.chroot}?session_s={session_s}"
        nexus = open_nexus(url, reactor)
        assert isinstance(nexus, ZooKeeperNexus)
        self.addCleanup(nexus.close)
        return nexus


class CutOffTests(ZooKeeperTestCase):
    """A leader that loses sight of the ensemble, and a standby that does not."""

    def setUp(self) -> None:
        super().setUp()
        server = zookeeper_server.shared_server().servers[0]
        self.wire = Wire(server)
        self.addCleanup(self.wire.cut)
        self.leader = self.open_nexus(f"127.0.0.1:{self.wire.mend()}")
        self.standby = self.open_nexus(f"127.0.0.1:{server.port}")
        self.first, self.second = contract.Candidate(), contract.Candidate()

    async def begin(self) -> int:
        """The leader reigns, the standby waits; the epoch."""
        self.leader.stand(self.first, "leader:1")
        epoch = await self.first.reign()
        self.standby.stand(self.second, "standby:1")
        await self.leader.commit([Put("a", b"1")], epoch=epoch)
        return epoch

    async def test_a_short_cut_suspends_the_reign_and_it_resumes(self) -> None:
        epoch = await self.begin()
        await self.wire.cut()
        self.assertEqual((await self.first.events.get())[0], "suspended")
        self.wire.mend()
        self.assertEqual(await self.first.events.get(), ("resumed", None))
        await self.leader.commit([Put("a", b"2")], epoch=epoch)
        self.assertEqual(self.second.events.pending, [])

    async def test_who_stands_by_is_told_of_doubt_too(self) -> None:
        self.standby.stand(self.second, "standby:1")
        await self.second.reign()
        candidacy = self.leader.stand(self.first, "leader:1")
        while await candidacy.others() != ("standby:1",):
            pass
        await self.wire.cut()
        self.assertEqual((await self.first.events.get())[0], "suspended")
        self.wire.mend()
        self.assertEqual(await self.first.events.get(), ("resumed", None))

    async def test_a_long_cut_passes_the_reign_on_and_the_old_one_is_deposed(self) -> None:
        """Its session has expired; it learns that when it comes back, and stands again."""
        epoch = await self.begin()
        await self.wire.cut()
        self.assertEqual((await self.first.events.get())[0], "suspended")
        later = await self.second.reign()
        self.assertGreater(later, epoch)
        self.wire.mend()
        self.assertEqual((await self.first.events.get())[0], "deposed")
        error = self.leader.commit([Put("a", b"late")], epoch=epoch)
        await self.assertFailure(error, StaleEpoch)
        await self.standby.close()
        self.assertGreater(await self.first.reign(), later)

    async def test_who_is_cut_off_is_answered_within_the_session(self) -> None:
        epoch = await self.begin()
        await self.wire.cut()
        await self.first.events.get()
        asked: list[Deferred[Any]] = [self.leader.get("a"), self.leader.scan("")]
        asked += [self.leader.commit([Put("a", b"2")], epoch=epoch) for _ in range(20)]
        began = reactor.seconds()
        for each in asked:
            await self.assertFailure(each, Unavailable)
        self.assertLess(reactor.seconds() - began, 10.0)  # not a second for each
        await self.second.reign()
        self.assertEqual(await self.standby.get("a"), Entry(b"1", 1))

    async def test_a_commit_whose_answer_was_lost_says_so_and_one_never_sent_does_not(
        self,
    ) -> None:
        epoch = await self.begin()
        await self.leader.commit([Put("a", b"1")], epoch)
        self.wire.swallow()
        lost = self.leader.commit([Put("a", b"2")], epoch)
        while (entry := await self.standby.get("a")) is None or entry.value != b"2":
            pass
        await self.wire.cut()
        await self.assertFailure(lost, OutcomeUnknown)
        with self.assertRaises(Unavailable) as caught:
            await self.leader.commit([Put("a", b"3")], epoch)
        self.assertNotIsInstance(caught.exception, OutcomeUnknown)
        self.wire.mend()

    async def test_a_watch_that_was_cut_off_is_told_afterwards(self) -> None:
        epoch = await self.begin()
        told: DeferredQueue[str] = DeferredQueue()
        leaders: DeferredQueue[Leader | None] = DeferredQueue()
        self.leader.watch("jobs", told.put)
        self.leader.watch_leader(leaders.put)
        self.assertEqual(await leaders.get(), Leader("leader:1", epoch))
        await self.leader.get("a")
        await self.wire.cut()
        later = await self.second.reign()
        await self.standby.commit([Put("jobs/a", b"")])
        await self.standby.commit([Put("other", b"")])
        self.wire.mend()
        self.assertEqual(await told.get(), "jobs")
        self.assertEqual(await leaders.get(), Leader("standby:1", later))

    async def test_who_is_cut_off_is_offered_the_masters_it_was_told_of_in_turn(self) -> None:
        """When the one it knows is of no use, and until the ensemble answers again."""
        epoch = await self.begin()
        url = f"zookeeper://127.0.0.1:{self.wire._port}/{self.chroot}?session_s=1"
        found = open_discovery(url, ["leader:1", "standby:1"], reactor)
        self.addCleanup(found.close)
        leaders: DeferredQueue[Leader | None] = DeferredQueue()
        found.watch_leader(leaders.put)
        self.assertEqual(await leaders.get(), Leader("leader:1", epoch))
        found.unreachable("leader:1")
        await self.wire.cut()
        self.assertEqual((await self.first.events.get())[0], "suspended")
        later = await self.second.reign()
        for endpoint in ("standby:1", "leader:1", "standby:1"):
            found.unreachable("leader:1" if endpoint == "standby:1" else "standby:1")
            self.assertEqual(await leaders.get(), Leader(endpoint, 0))
        self.wire.mend()
        self.assertEqual(await leaders.get(), Leader("standby:1", later))

    async def test_a_reign_whose_node_was_deleted_by_hand_ends_and_another_begins(self) -> None:
        epoch = await self.begin()
        zookeeper = self.standby._session._client
        await deferToThread(zookeeper.delete, f"/{self.chroot}/leader")
        self.assertEqual((await self.first.events.get())[0], "deposed")
        later = await self.first.reign()
        self.assertGreater(later, epoch)
        election = f"/{self.chroot}/election"
        names = await deferToThread(zookeeper.get_children, election)
        await deferToThread(zookeeper.delete, f"{election}/{min(names, key=lambda n: n[-10:])}")
        self.assertEqual((await self.first.events.get())[0], "deposed")
        self.assertGreater(await self.second.reign(), later)

    async def test_resigning_while_cut_off_ends_with_the_session(self) -> None:
        self.leader.stand(self.first, "leader:1")
        self.standby.stand(self.second, "standby:1")
        await gatherResults([self.leader.get("a"), self.standby.get("a")])
        resigned = self.leader.stand(contract.Candidate(), "third:1")
        await self.wire.cut()
        await resigned.resign()

    async def test_a_session_that_outlasts_a_resignation_does_not_keep_it_standing(self) -> None:
        """Its node would stand before all others for as long as the session lives."""
        nexus = self.open_nexus(f"127.0.0.1:{self.wire._port}", session_s=9)
        reigning = nexus.stand(self.first, "leader:1")
        epoch = await self.first.reign()
        await self.wire.cut()
        resigned = reigning.resign()
        reigning._deadline.reset(0)  # type: ignore[attr-defined]
        await resigned
        nexus.stand(self.second, "leader:1")
        self.wire.mend()
        event = await self.second.events.get()
        while event[0] != "elected":  # it may have been in doubt before
            event = await self.second.events.get()
        self.assertGreater(event[1], epoch)


class TimeOutTests(ZooKeeperTestCase):
    """Servers with ticks of one second: they keep sessions for 2 to 20 s, whatever is asked for."""

    def setUp(self) -> None:
        super().setUp()
        self.servers = zookeeper_server.ZooKeeperServers(Path(self.mktemp()), tick_ms=1000)
        self.addCleanup(self.servers.stop)
        self.wire = Wire(self.servers.servers[0])
        self.addCleanup(self.wire.cut)
        self.near = f"127.0.0.1:{self.wire.mend()}"

    async def test_what_the_servers_grant_is_used_and_said(self) -> None:
        for asked_s, granted_s in ((1, 2.0), (2, 2.0), (60, 20.0)):
            with self.subTest(asked_s=asked_s), capturedLogs() as events:
                nexus = self.open_nexus(self.servers.hosts, session_s=asked_s)
                await nexus.get("a")
                self.assertEqual(nexus._session.session_s, granted_s)
                texts = [str(formatEvent(event)) for event in events]
                said = f"keeps sessions for {granted_s:g} s, not for the {asked_s} s"
                self.assertEqual(any(said in text for text in texts), asked_s != granted_s, texts)

    async def test_who_waits_waits_as_long_as_the_session_lives(self) -> None:
        nexus = self.open_nexus(self.near, session_s=1)
        candidate = contract.Candidate()
        candidacy = nexus.stand(candidate, "here:1")
        await candidate.reign()
        await self.wire.cut()
        self.assertEqual((await candidate.events.get())[0], "suspended")
        began, waited = reactor.seconds(), list[float]()
        asked: list[Deferred[Any]] = [nexus.get("a"), nexus.commit([Put("a", b"1")])]
        asked.append(candidacy.resign())
        for answer in asked:
            answer.addErrback(lambda failure: failure.trap(Unavailable))
            answer.addCallback(lambda _: waited.append(reactor.seconds() - began))
        await gatherResults(asked)
        self.assertGreaterEqual(min(waited), 2.0)

    async def test_who_hears_nothing_stops_deciding_before_another_reigns(self) -> None:
        """Also while it asks all the time, which keeps kazoo from noticing."""
        order: list[str] = []
        near = self.open_nexus(self.near, session_s=1)
        far = self.open_nexus(self.servers.hosts, session_s=1)
        first, second = contract.Candidate(), contract.Candidate()
        near.stand(first, "near:1")
        await first.reign()
        far.stand(second, "far:1")
        await far.get("a")
        first.events.get().addCallback(lambda event: order.append(event[0]))
        later = second.reign()
        asking = LoopingCall(
            lambda: near.get("a").addErrback(lambda f: f.trap(Unavailable)) and None
        )
        asking.start(0.05)
        self.addCleanup(asking.stop)
        await self.wire.stall()
        await later
        order.append("another reigns")
        self.assertEqual(order, ["suspended", "another reigns"])


class StepDownTests(ZooKeeperTestCase):
    """A planned hand-over."""

    async def test_it_does_not_wait_for_a_session_to_expire(self) -> None:
        hosts = zookeeper_server.shared_server().hosts
        one, other = self.open_nexus(hosts, session_s=4), self.open_nexus(hosts, session_s=4)
        first, second = contract.Candidate(), contract.Candidate()
        reigning = one.stand(first, "one:1")
        await first.reign()
        other.stand(second, "other:1")
        await other.get("a")
        began = reactor.seconds()
        await reigning.resign()
        await second.reign()
        self.assertLess(reactor.seconds() - began, 4.0)


class BlobTests(ZooKeeperTestCase):
    """Values larger than a node leave nothing behind."""

    async def test_a_blob_goes_when_nothing_refers_to_it(self) -> None:
        hosts = zookeeper_server.shared_server().hosts
        nexus = self.open_nexus(hosts)
        await nexus.commit([Put("a", os.urandom(2 << 20))])
        await self.assertFailure(nexus.commit([Put("a", os.urandom(2 << 20), 7)]), Conflict)
        self.assertEqual(len(await self.blobs(nexus)), 4)
        await nexus.commit([Put("a", os.urandom(1 << 20))])
        self.assertEqual(len(await self.blobs(nexus)), 2)
        await nexus.commit([Delete("a")])
        self.assertEqual(await self.blobs(nexus), [])

    async def test_a_new_reign_sweeps_what_was_left(self) -> None:
        """Left by one who did not know what it replaced; what is used stays."""
        hosts = zookeeper_server.shared_server().hosts
        one, kept = self.open_nexus(hosts), os.urandom(1 << 20)
        await one.commit([Put("a", os.urandom(1 << 20)), Put("kept", kept)])
        await one.close()
        other = self.open_nexus(hosts)
        await other.commit([Put("a", b"small")])
        self.assertEqual(len(await self.blobs(other)), 4)
        third, candidate = self.open_nexus(hosts), contract.Candidate()
        third.stand(candidate, "third:1")
        await candidate.reign()
        while len(await self.blobs(other)) > 2:
            pass  # each turn asks the server
        self.assertEqual(await other.get("kept"), Entry(kept, 1))

    async def blobs(self, nexus: ZooKeeperNexus) -> list[str]:
        """The parts that are stored."""
        return await nexus._session.children(f"/{self.chroot}/blobs")


class DamageTests(ZooKeeperTestCase):
    """Nodes that somebody else wrote or took away."""

    async def test_a_strange_node_is_named_and_harms_no_other(self) -> None:
        nexus = self.open_nexus(zookeeper_server.shared_server().hosts)
        await nexus.commit([Put("a/b", b"1"), Put("a/c", b"1")])
        zookeeper = nexus._session._client
        await deferToThread(zookeeper.set, f"/{self.chroot}/data/a/=b", b"by hand")
        for asked in (nexus.get("a/b"), nexus.scan("a")):
            try:
                await asked
            except NexusError as error:
                self.assertIn("/data/a/=b", str(error))
            else:
                self.fail("it was read")
        self.assertEqual(await nexus.get("a/c"), Entry(b"1", 1))
        await nexus.commit([Put("a/b", b"2")])
        self.assertEqual(await nexus.get("a/b"), Entry(b"2", 3))

    async def test_after_everything_was_deleted_it_begins_anew(self) -> None:
        nexus = self.open_nexus(zookeeper_server.shared_server().hosts)
        await nexus.commit([Put("a/b", b"1")])
        zookeeper = nexus._session._client
        await deferToThread(zookeeper.delete, f"/{self.chroot}", recursive=True)
        self.assertIsNone(await nexus.get("a/b"))
        with contextlib.suppress(Unavailable):  # it says once that nodes were taken away
            await nexus.commit([Put("a/b", b"2")])
        await nexus.commit([Put("a/b", b"3")])
        entry = await nexus.get("a/b")
        assert entry is not None
        self.assertEqual(entry.value, b"3")

    async def test_a_reign_whose_epoch_was_taken_away_is_over(self) -> None:
        """Before its first commit, and after it."""
        nexus = self.open_nexus(zookeeper_server.shared_server().hosts)
        for keys in ((), ("a/b",)):
            with self.subTest(committed=keys):
                candidate = contract.Candidate()
                candidacy = nexus.stand(candidate, "here:1")
                epoch = await candidate.reign()
                for key in keys:
                    await nexus.commit([Put(key, b"1")], epoch)
                await self.take_away(nexus, "epoch")
                for _ in range(2):
                    await self.assertFailure(nexus.commit([Put("a/b", b"2")], epoch), StaleEpoch)
                await candidacy.resign()

    async def test_a_reign_whose_data_were_taken_away_goes_on(self) -> None:
        """Before its first commit, and after it: a commit says so once."""
        nexus, candidate = (
            self.open_nexus(zookeeper_server.shared_server().hosts),
            contract.Candidate(),
        )
        nexus.stand(candidate, "here:1")
        epoch = await candidate.reign()
        for value in (b"1", os.urandom(2 << 20)):
            for node in ("data", "blobs"):
                with self.subTest(size=len(value), node=node):
                    await self.take_away(nexus, node)
                    with contextlib.suppress(Unavailable):
                        await nexus.commit([Put("a/b", value)], epoch)
                    await nexus.commit([Put("a/b", value)], epoch)
                    self.assertEqual(getattr(await nexus.get("a/b"), "value", None), value)

    async def test_an_epoch_that_somebody_else_wrote_is_named(self) -> None:
        nexus, candidate = (
            self.open_nexus(zookeeper_server.shared_server().hosts),
            contract.Candidate(),
        )
        nexus.stand(candidate, "here:1")
        epoch = await candidate.reign()
        await deferToThread(nexus._session._client.set, f"/{self.chroot}/epoch", b"by hand")
        for asked in (nexus.epoch(), nexus.commit([Put("a", b"1")], epoch)):
            try:
                await asked
            except NexusError as error:
                self.assertIn("/epoch in zookeeper://", str(error))
            else:
                self.fail("it was read")

    async def take_away(self, nexus: ZooKeeperNexus, node: str) -> None:
        """Delete a node and all below it, by hand."""
        zookeeper = nexus._session._client
        await deferToThread(zookeeper.delete, f"/{self.chroot}/{node}", recursive=True)


class WrongPlaceTests(ZooKeeperTestCase):
    """Addresses, chroots and passwords that are not right."""

    async def test_where_nobody_listens(self) -> None:
        (port,) = zookeeper_server.free_ports(1)
        nexus = self.open_nexus(f"127.0.0.1:{port}")
        try:
            await nexus.get("a")
        except Unavailable as error:
            self.assertIn(f"no answer from zookeeper://127.0.0.1:{port}/{self.chroot}", str(error))
        else:
            self.fail("nobody listens there")

    async def test_a_name_that_does_not_resolve(self) -> None:
        nexus = self.open_nexus("no-such-host.invalid:2181")
        await self.assertFailure(nexus.commit([Put("a", b"")]), Unavailable)

    async def test_a_chroot_where_nobody_ever_stood(self) -> None:
        """Whoever only looks is told that there is nobody; the log says what may be wrong."""
        nexus = self.open_nexus(zookeeper_server.shared_server().hosts)
        leaders: DeferredQueue[Leader | None] = DeferredQueue()
        with capturedLogs() as events:
            nexus.watch_leader(leaders.put)
            self.assertIsNone(await leaders.get())
            await nexus.get("a")
        texts = [str(formatEvent(event)) for event in events]
        self.assertTrue(any("no master has ever stood" in text for text in texts), texts)
        self.assertEqual(await nexus.scan(""), {})

    async def test_a_user_keeps_others_out(self) -> None:
        hosts = zookeeper_server.shared_server().hosts
        mine = self.open_nexus(hosts, user="galaxy:secret")
        candidate = contract.Candidate()
        mine.stand(candidate, "mine:1")
        epoch = await candidate.reign()
        await mine.commit([Put("a", b"1")], epoch=epoch)
        self.assertEqual(await mine.get("a"), Entry(b"1", 1))
        for user in ("galaxy:wrong", ""):
            theirs = self.open_nexus(hosts, user=user)
            for asked in (theirs.get("a"), theirs.scan(""), theirs.commit([Put("a", b"2")])):
                try:
                    await asked
                except NotAllowed as error:
                    self.assertIn("check user and password", str(error))
                    self.assertNotIn("secret", str(error))
                else:
                    self.fail("it was let in")
        self.assertEqual(await mine.get("a"), Entry(b"1", 1))


class EnsembleTests(ZooKeeperTestCase):
    """Three servers, of which some die."""

    def setUp(self) -> None:
        super().setUp()
        self.servers = zookeeper_server.ZooKeeperServers(Path(self.mktemp()), 3)
        self.addCleanup(self.servers.stop)

    async def commit_at_last(
        self, nexus: ZooKeeperNexus, candidate: contract.Candidate, epoch: int
    ) -> None:
        """Commit in this reign or the next, however often the servers begin anew."""
        epoch = await candidate.reign_again(epoch)
        while True:
            try:
                await nexus.commit([Put("a", b"at last")], epoch=epoch)
            except Unavailable:
                continue  # within the session's time-out, so this is no busy loop for long
            except StaleEpoch:
                epoch = await candidate.reign_again(epoch)
            else:
                return

    async def test_without_a_quorum_the_reign_is_in_doubt_and_returns(self) -> None:
        nexus = self.open_nexus(self.servers.hosts)
        candidate = contract.Candidate()
        nexus.stand(candidate, "here:1")
        epoch = await candidate.reign()
        await nexus.commit([Put("a", b"1")], epoch=epoch)
        for server in self.servers.servers[:2]:
            server.kill()
        self.assertEqual((await candidate.events.get())[0], "suspended")
        await self.assertFailure(nexus.commit([Put("a", b"2")], epoch=epoch), Unavailable)
        for server in self.servers.servers[:2]:
            server.start()
        for server in self.servers.servers:
            await deferToThread(server.wait_ready)
        await self.commit_at_last(nexus, candidate, epoch)

    async def test_servers_that_fall_silent_put_the_reign_in_doubt_in_time(self) -> None:
        """Nothing is closed, nothing is answered: noticed before the session can end."""
        nexus = self.open_nexus(self.servers.hosts, session_s=4)
        candidate = contract.Candidate()
        nexus.stand(candidate, "here:1")
        epoch = await candidate.reign()
        for server in self.servers.servers:
            server.signal(SIGSTOP)
        began = reactor.seconds()
        self.assertEqual((await candidate.events.get())[0], "suspended")
        self.assertLess(reactor.seconds() - began, 4.0)
        for server in self.servers.servers:
            server.signal(SIGCONT)
        await self.commit_at_last(nexus, candidate, epoch)

    async def test_one_server_may_die(self) -> None:
        nexus = self.open_nexus(self.servers.hosts)
        await nexus.commit([Put("n", b"0")])
        self.servers.servers[1].kill()
        done = 0
        while done < 50:
            try:
                await nexus.commit([Put("n", b"%d" % done)])
            except Unavailable:
                continue  # it is not known whether it arrived: once more
            done += 1
        self.assertEqual(getattr(await nexus.get("n"), "value", None), b"49")
