"""
What a cluster stands on is moved, lost and put back, while its tasks run on.

On real daemons, a real LevelDB and a real ZooKeeper.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from unittest import SkipTest
from uuid import uuid4

from google.protobuf.message import Message
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from galaxy.nexus.house import UNFINISHED
from galaxy.nexus.interfaces import Put
from galaxy.nexus.leveldb import LevelDBNexus, open_database
from galaxy.protocol.master_pb2 import StoredCluster, StoredJob, StoredVersion
from galaxy.protocol.types_pb2 import JobDescriptor, PodDescriptor, kBatch, kJobFinished
from tests.integration.cluster import GALAXY, ClusterTestCase, Ended, run, until
from tests.integration.ensemble import SharedCluster, sleeper
from tests.nexus import zookeeper_server
from tests.nexus.contract import Candidate
from tests.test_stored import sound

FOREIGN = "f" * 16


class CommandTests(TestCase):
    """`galaxy nexus ...` where no master is."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()

    def nexus(self, name: str, **more: bytes) -> str:
        """The URL of a nexus that holds one of everything, and more."""
        database = open_database(self.directory / name)
        nexus = LevelDBNexus(database, maybeDeferred, Clock())
        values = {**sound(), **more}
        self.successResultOf(nexus.commit([Put(key, value) for key, value in values.items()]))
        self.successResultOf(nexus.close())
        return self.url(name)

    def url(self, name: str) -> str:
        """The URL of a nexus."""
        return f"leveldb:{self.directory / name}"

    async def galaxy(self, *arguments: str) -> Ended:
        """Run it where nothing names a cluster."""
        empty = {"GALAXY_CONFIG": "", "GALAXY_NEXUS": "", "HOME": str(self.directory)}
        return await run(GALAXY, "nexus", *arguments, env=empty, cwd=self.directory)

    async def test_from_one_to_a_file_to_another(self) -> None:
        first = self.nexus("first")
        self.assertEqual((await self.galaxy("backup", first, "file")).status, 0)
        self.assertEqual((await self.galaxy("restore", "file", self.url("second"))).status, 0)
        ended = await self.galaxy("copy", self.url("second"), self.url("third"), "-o", "json")
        moved = json.loads(ended.out)
        self.assertEqual((moved["keys"], moved["to"]), (8, self.url("third")))
        for place in (first, "file", self.url("second"), self.url("third")):
            checked = json.loads((await self.galaxy("check", place, "-o", "json")).out)
            self.assertEqual((checked["jobs"], checked["problems"]), (1, []))

    async def test_what_is_not_sound_is_told(self) -> None:
        ended = await self.galaxy("check", self.nexus("odd", strange=b"1"))
        self.assertEqual(ended.status, 1)
        self.assertIn("strange: no key of Galaxy's", ended.out)
        ended = await self.galaxy("check", self.nexus("half", **{UNFINISHED: b"the copy"}))
        self.assertEqual(ended.status, 1)
        self.assertIn("it is not whole: the copy did not end", ended.out)

    async def test_what_cannot_be_done_is_said_in_a_sentence(self) -> None:
        one, other = self.nexus("one"), self.nexus("other")
        held = open_database(self.directory / "other")
        self.addCleanup(held.close)
        (self.directory / "text").write_text("hello")
        for arguments, status, words in (
            (("check", other), 4, "is in use: stop its master first"),
            (("copy", one, other), 4, "is in use"),
            (("backup", self.url("none"), "file"), 5, "there is no nexus in"),
            (("copy", self.url("none"), other), 5, "there is no nexus in"),
            (("copy", one, one), 2, "cannot be moved to itself"),
            (("adopt", "us", one), 2, "'us' is no cluster"),
            (("adopt", FOREIGN, other), 4, "is in use"),
            (("restore", "text", self.url("new")), 3, "it is no backup"),
            (("restore", "none", self.url("new")), 3, "No such file"),
            (("check", "redis:x"), 3, "No such file"),
            (("copy", one, "redis:x"), 2, "it is not the URL of a nexus"),
            (("check",), 2, "no nexus is named"),
            (("check", "zookeeper://127.0.0.1:1/x?session_s=1"), 7, "no answer from"),
        ):
            with self.subTest(arguments=arguments):
                ended = await self.galaxy(*arguments)
                self.assertEqual((ended.status, ended.out), (status, ""), ended.err)
                self.assertRegex(ended.err, rf"\Agalaxy: .*{words}.*\n\Z")
        self.assertFalse((self.directory / "new").exists())


class HouseTestCase(ClusterTestCase):
    """One master, one agent; a service runs, and a batch has ended."""

    cluster: SharedCluster
    up_options: tuple[str, ...] = ("--agents", "1")
    refused = 0  # commands that the agent has refused

    def setUp(self) -> Deferred[None]:  # type: ignore[override]
        """Bring it up, with something to lose."""
        reason = zookeeper_server.missing()
        if reason is not None:
            raise SkipTest(reason)
        self.cluster = SharedCluster(Path(self.mktemp()).absolute())
        self.addCleanup(lambda: Deferred.fromCoroutine(self._down()))
        return Deferred.fromCoroutine(self._up())

    async def _up(self) -> None:
        cluster = self.cluster
        await cluster.up(*self.up_options)
        self.web = await cluster.submit(sleeper("web", 3), "--wait")
        self.batch = await cluster.submit({**sleeper("once", 3, "exit 0"), "type": "kBatch"})

        async def finished() -> bool:
            return bool((await cluster.json("show", self.batch))["state"] == "kJobFinished")

        await until(finished)
        self.before = await cluster.pids(self.web), await cluster.attempts(self.web)
        self.epoch = await cluster.epoch()
        self.identity = (await cluster.json("status"))["cluster_id"]

    async def live_in(self, url: str, *, expect: int = 0) -> None:
        """Start the master on another nexus; how that ends."""
        settings = self.cluster.directory / "galaxy.toml"
        text = re.sub(r"(?m)^nexus = .*$", f"nexus = {json.dumps(url)}", settings.read_text())
        settings.write_text(text)
        up = ("up", "--dir", str(self.cluster.directory), *self.cluster.options)
        await self.cluster.galaxy(*up, expect=expect)

    async def assert_nothing_happened(self) -> None:
        """To tasks, and to what has ended; and agents obey."""
        cluster = self.cluster
        after = await cluster.pids(self.web), await cluster.attempts(self.web)
        self.assertEqual(after, self.before)
        ended = await cluster.json("show", self.batch)
        self.assertEqual((ended["state"], ended["finished"]), ("kJobFinished", 3))
        epoch = await cluster.epoch()
        self.assertGreater(epoch, self.epoch)
        self.epoch = epoch
        self.assertEqual((await cluster.json("status"))["cluster_id"], self.identity)
        late = await cluster.submit(sleeper(f"late{epoch}", 1), "--wait")
        await cluster.galaxy("kill", "-j", late)
        (agent,) = await cluster.json("agents")
        self.assertEqual((agent["epoch"], agent["stale_refusals"]), (epoch, self.refused))

    def assertUntouched(self, pids: dict[str, int]) -> None:
        """Every process that ran then runs now."""
        self.assertEqual([p for p in pids.values() if not Path(f"/proc/{p}").exists()], [])


class MovingHouseTests(HouseTestCase):
    """On LevelDB at first."""

    async def test_to_zookeeper_and_back(self) -> None:
        """Tasks keep their processes, ended indexes stay ended, both ways."""
        cluster = self.cluster
        directory = f"leveldb:{cluster.directory / 'nexus'}"
        ensemble = zookeeper_server.shared_server().url(f"t{uuid4().hex[:8]}")
        await cluster.galaxy("nexus", "copy", directory, ensemble, expect=4)  # a master reigns
        await cluster.kill("master")
        await cluster.galaxy("nexus", "copy", directory, ensemble)
        await self.live_in(ensemble)
        await self.assert_nothing_happened()

        await cluster.galaxy("nexus", "copy", ensemble, directory, expect=4)  # it stands there
        backup = str(cluster.directory / "backup")
        await cluster.galaxy("nexus", "backup", backup)  # while it reigns
        for place in (ensemble, backup):
            self.assertEqual((await cluster.json("nexus", "check", place))["problems"], [])
        await cluster.kill("master")

        async def moved() -> bool:
            ended = await run(GALAXY, "nexus", "copy", ensemble, directory, "--force")
            self.assertTrue(ended.status == 0 or "masters stand" in ended.err, ended.err)
            return ended.status == 0

        await until(moved)  # when the session of the one that was killed is over
        await self.live_in(directory)
        await self.assert_nothing_happened()

    async def test_the_nexus_is_lost(self) -> None:
        """With a backup of what is to run, nothing is lost; nothing is ended before a look."""
        cluster = self.cluster
        directory = f"leveldb:{cluster.directory / 'nexus'}"
        backup, again = str(cluster.directory / "backup"), f"{directory}-2"
        await cluster.kill("master")
        await cluster.galaxy("nexus", "backup", backup)
        await cluster.up()
        after = await cluster.submit(sleeper("after", 1), "--wait")
        pids = await cluster.pids(after)
        await cluster.kill("master")
        await cluster.galaxy("nexus", "restore", backup, again)
        await self.live_in(again)
        status = await cluster.json("status")
        self.assertTrue(status["safe_mode"])
        self.assertIn("galaxy nexus restore entered it", status["safe_mode_reason"])
        self.assertUntouched(pids)
        await cluster.galaxy("leave", "safemode")
        await self.assert_nothing_happened()

        async def ended() -> bool:
            return not any(Path(f"/proc/{pid}").exists() for pid in pids.values())

        await until(ended)  # of the job that no backup told of

    async def test_the_nexus_is_lost_and_there_is_no_backup(self) -> None:
        """A master that finds it empty stops nothing until somebody says so; Galaxy 2 did."""
        cluster = self.cluster
        await cluster.kill("master")
        await cluster.up()
        await cluster.at_ease()
        await cluster.kill("master")
        await self.live_in(f"leveldb:{cluster.directory / 'another'}")

        async def suspicious() -> bool:
            return "is this the right nexus?" in (await cluster.json("status"))["safe_mode_reason"]

        await until(suspicious)
        (agent,) = await cluster.json("agents")
        self.assertGreater(agent["epoch"], await cluster.epoch())
        status = await cluster.json("status")
        self.assertEqual(status["cluster_id"], self.identity)
        self.assertIn("is this the right nexus?", status["safe_mode_reason"])
        self.assertUntouched(self.before[0])
        self.assertEqual(await cluster.json("jobs"), [])
        await cluster.kill("master")
        await self.live_in(f"leveldb:{cluster.directory / 'nexus'}")
        await cluster.at_ease()
        (agent,) = await cluster.json("agents")
        self.refused = agent["stale_refusals"]
        await self.assert_nothing_happened()

    async def test_the_nexus_is_another_clusters(self) -> None:
        """With other jobs and later reigns: its master is obeyed by nobody who has pods of ours."""
        cluster = self.cluster
        home, foreign = (f"leveldb:{cluster.directory / name}" for name in ("nexus", "foreign"))
        await cluster.kill("master")
        self.make_foreign(cluster.directory / "foreign")
        await self.live_in(foreign, expect=1)

        async def turned_away() -> bool:
            status = await cluster.json("status")
            self.assertEqual((status["cluster_id"], status["safe_mode"]), (FOREIGN, False))
            return bool(status["strangers"])

        await until(turned_away)
        self.assertEqual(await cluster.json("agents"), [])
        self.assertGreater(await cluster.epoch(), self.epoch + 100)
        self.assertUntouched(self.before[0])
        said = (cluster.directory / "log" / "agent-0.log").read_text()
        self.assertIn(
            f"has pods of cluster {self.identity}, and this nexus is of cluster {FOREIGN}", said
        )
        await cluster.kill("master")
        await self.live_in(home)
        await self.assert_nothing_happened()

        await cluster.kill("master")
        await cluster.galaxy("nexus", "adopt", self.identity, foreign)
        await self.live_in(foreign)

        async def held() -> bool:
            status = await cluster.json("status")
            self.assertIn("galaxy nexus adopt entered it", status["safe_mode_reason"])
            return bool(status["agents"]["alive"])

        await until(held)
        self.assertUntouched(self.before[0])
        await cluster.galaxy("leave", "safemode")

        async def ended() -> bool:
            return not any(Path(f"/proc/{pid}").exists() for pid in self.before[0].values())

        await until(ended)

    def make_foreign(self, path: Path) -> None:
        """A nexus with an ended job of its own, and later reigns than ours."""
        job = StoredJob(
            job_id="other_0",
            descriptor_without_pod=JobDescriptor(name="other", type=kBatch, replica=1),
            state=kJobFinished,
            versions=[StoredVersion(number=1, version="v1")],
            end_time=4e9,
        )
        records: dict[str, Message] = {
            "jobs/other_0": job,
            "versions/other_0/1": PodDescriptor(version="v1"),
            "cluster": StoredCluster(id=FOREIGN),
        }
        nexus = LevelDBNexus(open_database(path), maybeDeferred, Clock())
        puts = [Put(key, record.SerializeToString()) for key, record in records.items()]
        self.successResultOf(nexus.commit(puts))
        nexus.stand(Candidate(), "nobody:1", self.epoch + 100)
        self.successResultOf(nexus.close())


class ForgottenTests(HouseTestCase):
    """On a ZooKeeper whose disk is lost."""

    def setUp(self) -> Deferred[None]:  # type: ignore[override]
        """Start it first."""
        reason = zookeeper_server.missing()
        if reason is not None:
            raise SkipTest(reason)
        self.servers = zookeeper_server.ZooKeeperServers(Path(self.mktemp()).absolute())
        self.addCleanup(self.servers.stop)
        self.nexus = self.servers.url("galaxy")
        self.up_options = ("--agents", "1", "--masters", "2", "--nexus", self.nexus)
        return super().setUp()

    async def test_a_backup_is_put_back(self) -> None:
        """Masters that have seen later changes than the servers know are refused there."""
        cluster, (server,) = self.cluster, self.servers.servers
        backup = str(cluster.directory / "backup")
        await cluster.galaxy("nexus", "backup", backup)
        server.kill()
        shutil.rmtree(server.directory / "version-2")
        server.start()
        server.wait_ready()

        async def doubted() -> str:
            return str((await cluster.json("status"))["doubt"])

        await until(doubted)
        await cluster.galaxy("nexus", "check", expect=5)
        await cluster.galaxy("nexus", "restore", backup, self.nexus)
        await cluster.galaxy("down", "--dir", str(cluster.directory), "--keep-tasks")
        await cluster.up()
        await cluster.galaxy("leave", "safemode")
        await self.assert_nothing_happened()
