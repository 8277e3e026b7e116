"""
Leaders and ZooKeepers that die, stop and come back, on real processes.

What nobody may lose: a task's process, an acknowledged change, the end of an index of a batch.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from galaxy.client import exits
from galaxy.protocol.agent_pb2 import KillPodsRequest, PodKill, QueryRequest
from galaxy.protocol.blocking import BlockingPeer
from galaxy.protocol.services import BlockingAgentStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kStaleEpoch
from galaxy.protocol.wire_pb2 import Hello
from tests.integration.cluster import GALAXY, reactor, run, until
from tests.integration.ensemble import (
    MASTERS,
    SESSION_S,
    EnsembleTestCase,
    Stopwatch,
    shared_ensemble,
    sleeper,
)
from tests.nexus.zookeeper_server import free_ports


class UpTests(TestCase):
    """`galaxy up` on what cannot be used: a sentence and a code, in bounded time."""

    async def test_no_cluster_is_begun_where_none_can_be(self) -> None:
        (port,) = free_ports(1)
        cases = (
            (f"zookeeper://127.0.0.1:{port}/x", exits.UNREACHABLE, "does not answer within 5 s"),
            ("zookeeper://a b/x", exits.USAGE, "'a b' is not HOST or HOST:PORT"),
            ("leveldb:x", exits.USAGE, "several masters need a nexus they can share"),
        )
        for nexus, code, sentence in cases:
            directory = Path(self.mktemp()).absolute()
            options = ("--dir", str(directory), "--nexus", nexus, "--masters", "3")
            ended = await run(GALAXY, "up", *options)
            self.assertEqual(ended.status, code, ended.err)
            self.assertIn(sentence, ended.err)
            self.assertFalse((directory / "galaxy.toml").exists())


class LeaderDiesTests(EnsembleTestCase):
    """kill -9."""

    async def test_another_directory_does_not_join(self) -> None:
        """Two clusters with different directories do not meet, whatever the nexus."""
        other = Path(self.mktemp()).absolute()
        ended = await run(GALAXY, "up", "--dir", str(other), "--nexus", self.nexus)
        self.assertEqual(ended.status, exits.USAGE, ended.err)
        self.assertIn("a cluster runs at zookeeper://", ended.err)
        self.assertFalse((other / "galaxy.toml").exists())

    async def test_another_goes_on(self) -> None:
        """Within the session and a second; tasks, ended indexes and commands notice nothing."""
        cluster = self.cluster
        web = await cluster.submit(sleeper("web", 6), "--wait")
        once = {**sleeper("once", 4, "exit 0"), "type": "kBatch"}
        batch = await cluster.submit(once)

        async def finished() -> bool:
            return bool((await cluster.json("show", batch))["state"] == "kJobFinished")

        await until(finished)
        pids, attempts = await cluster.pids(web), await cluster.attempts(web)
        leader, epoch = await cluster.leader(), await cluster.epoch()

        late = Deferred.fromCoroutine(cluster.submit(sleeper("late", 2), "--wait"))
        await deferLater(reactor, 0.2)
        watch = Stopwatch()
        await cluster.kill(leader)
        await cluster.galaxy("scale", web, "7")
        self.assertLess(watch.seconds, SESSION_S + 1)
        self.assertGreater((await cluster.at_ease())["epoch"], epoch)

        await cluster.running(web, 7)
        await cluster.running(await late, 2)
        self.assertUntouched(pids)
        after = await cluster.attempts(web)
        self.assertEqual({pod: after[pod] for pod in attempts}, attempts)
        ended = await cluster.json("show", batch)
        self.assertEqual((ended["state"], ended["finished"]), ("kJobFinished", 4))

        said = await cluster.up()
        self.assertEqual(re.findall(r"(\S+) +\d+ +started", said), [leader])

    async def test_who_steps_down_is_followed_within_a_second(self) -> None:
        cluster = self.cluster
        web = await cluster.submit(sleeper("web", 3), "--wait")
        pids, epoch = await cluster.pids(web), await cluster.epoch()
        took = []
        for _ in MASTERS:
            watch = Stopwatch()
            answer = await cluster.json("stepdown")
            await cluster.galaxy("scale", web, "3")
            took.append(watch.seconds)
            self.assertNotEqual(answer["before"], answer["leader"])
            self.assertGreater(answer["epoch"], epoch)
            epoch = answer["epoch"]
        self.assertLess(min(took), 1.0)  # two commands; what is more is a busy machine
        await cluster.at_ease()
        self.assertEqual(await cluster.pids(web), pids)


class LeaderStopsTests(EnsembleTestCase):
    """SIGSTOP for longer than its session, and SIGCONT."""

    async def test_it_wakes_to_nothing(self) -> None:
        cluster = self.cluster
        web = await cluster.submit(sleeper("web", 6), "--wait")
        pids, attempts = await cluster.pids(web), await cluster.attempts(web)
        old, epoch = await cluster.leader(), await cluster.epoch()
        cluster.signal(old, signal.SIGSTOP)
        watch = Stopwatch()
        await cluster.galaxy("scale", web, "4")
        self.assertLess(watch.seconds, SESSION_S + 1)
        status = await cluster.at_ease()
        self.assertGreater(status["epoch"], epoch)
        await cluster.running(web, 4)
        left = await cluster.pids(web)

        cluster.signal(old, signal.SIGCONT)
        await self._stands_by(old)
        await deferLater(reactor, 2.0)  # what it wanted to do it would have done by now
        self.assertEqual(await cluster.pids(web), left)
        self.assertLessEqual(left.items(), pids.items())
        after = await cluster.attempts(web)
        self.assertEqual(after, {pod: attempts[pod] for pod in after})
        self.assertEqual(await cluster.epoch(), status["epoch"])
        for agent in await cluster.json("agents"):
            self.assertEqual(agent["epoch"], status["epoch"])

    async def test_what_it_says_is_refused_and_counted(self) -> None:
        """The words of a reign that is over, said to an agent as its master said them."""
        cluster = self.cluster
        web = await cluster.submit(sleeper("web", 3), "--wait")
        pids, epoch = await cluster.pids(web), await cluster.epoch()
        await cluster.galaxy("stepdown")
        await cluster.at_ease()
        pod = (await cluster.json("pods", "-j", web))[0]
        kill = PodKill(job_id=web, index=[pod["index"]], incarnation=[pod["incarnation"]])
        peer = BlockingPeer(pod["endpoint"], Hello(role="master", name="of an earlier reign"))
        self.addCleanup(peer.close)
        agent = BlockingAgentStub(peer)
        for call in (
            lambda: agent.kill_pods(KillPodsRequest(kills=[kill]), epoch=epoch),
            lambda: agent.query(QueryRequest(), epoch=epoch),
        ):
            self.assertEqual(self.assertRaises(GalaxyError, call).status, kStaleEpoch)

        async def counted() -> bool:
            agents = await cluster.json("agents")
            count = {each["endpoint"]: each["stale_refusals"] for each in agents}
            return bool(count[pod["endpoint"]] == 2 and sum(count.values()) == 2)

        await until(counted)
        self.assertEqual(await cluster.pids(web), pids)

    async def _stands_by(self, master: str) -> None:
        async def stands() -> bool:
            status = await self.cluster.json("status")
            return master in map(self.cluster.master_at, status["standbys"])

        await until(stands)


class EnsembleDiesTests(EnsembleTestCase):
    """ZooKeepers that die."""

    async def test_one_of_three_is_not_missed(self) -> None:
        cluster = self.cluster
        web = await cluster.submit(sleeper("web", 3), "--wait")
        pids, epoch = await cluster.pids(web), await cluster.epoch()
        for server in self.ensemble.servers:
            server.kill()
            watch = Stopwatch()
            await cluster.galaxy("scale", web, "3")
            await cluster.galaxy("label", "-l", "x", "-e", "a:1")
            self.assertLess(watch.seconds, SESSION_S)
            server.start()
            server.wait_ready()
        self.assertEqual((await cluster.epoch(), await cluster.pids(web)), (epoch, pids))

    async def test_all_of_them(self) -> None:
        """Tasks run on and reads are answered; a change waits, and is made when they are back."""
        cluster = self.cluster
        web = await cluster.submit(sleeper("web", 3), "--wait")
        pids, attempts = await cluster.pids(web), await cluster.attempts(web)
        await self._ensemble_away()
        change = Deferred.fromCoroutine(cluster.galaxy("scale", web, "5"))
        watch = Stopwatch()
        while watch.seconds < SESSION_S + 2:
            self.assertEqual(await cluster.pids(web), pids)
            self.assertEqual(await cluster.attempts(web), attempts)
            await cluster.json("jobs")
        self.assertFalse(change.called)
        self._ensemble_back()
        await change
        await cluster.running(web, 5)
        await cluster.at_ease()
        self.assertUntouched(pids)
        after = await cluster.attempts(web)
        self.assertEqual({pod: after[pod] for pod in attempts}, attempts)

    async def test_what_commands_say_without_them(self) -> None:
        """That it is for ZooKeeper, and what works meanwhile; with a leader and without one."""
        cluster = self.cluster
        leader = await cluster.leader()
        await self._ensemble_away()
        await cluster.kill("agent-0")
        environment = {"GALAXY_CONFIG": str(cluster.directory / "galaxy.toml")}
        change = Deferred.fromCoroutine(
            run(GALAXY, "label", "-l", "x", "-e", "a:1", env=environment)
        )
        up = await run(GALAXY, "up", "--dir", str(cluster.directory))
        self.assertEqual(up.status, exits.UNREACHABLE, up.err)
        self.assertIn("does not answer within 5 s", up.err)
        self.assertIn("Started, and left running: agent-0", up.err)
        said = await change
        self.assertEqual(said.status, exits.UNREACHABLE, said.err)
        self.assertIn("commands that read (status, jobs, logs, exec, ...) are answered", said.err)
        self.assertIn("no ZooKeeper server answers", said.err)

        await cluster.kill(leader)
        said = await run(GALAXY, "label", "-l", "x", "-e", "a:1", env=environment)
        self.assertEqual(said.status, exits.UNREACHABLE, said.err)
        self.assertRegex(said.err, "what runs goes on, but no master can decide now: .*[zZ]oo")

    async def _ensemble_away(self) -> None:
        for server in self.ensemble.servers:
            server.kill()
        self.addCleanup(self._ensemble_back)

        async def doubted() -> str:
            return str((await self.cluster.json("status"))["doubt"])

        self.assertIn("no ZooKeeper server answers", await until(doubted))

    def _ensemble_back(self) -> None:
        dead = [server for server in shared_ensemble().servers if server.process is None]
        for server in dead:
            server.start()
        for server in dead:
            server.wait_ready()
