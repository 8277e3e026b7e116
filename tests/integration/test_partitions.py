"""
Networks that are cut and healed, with each daemon on a machine of its own.

Seen from outside, by the processes: no slot of a job has two of them for longer than
it takes to find a machine dead and to hear of it again, nothing that was acknowledged
is lost, nothing that has ended begins again.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import SkipTest

import psutil
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from galaxy.client.local.plan import AgentShare, Daemon, Layout, agents_text, daemons, settings_text
from tests.integration.cluster import ClusterTestCase, reactor, until
from tests.integration.ensemble import SESSION_S, SharedCluster, Stopwatch, sleeper
from tests.integration.machines import Machines, missing
from tests.nexus.zookeeper_server import ZooKeeperServers

MASTERS, AGENTS, SERVERS = ("m1", "m2", "m3"), ("a1", "a2", "a3"), ("z1", "z2", "z3")
WHERE = {
    "master": "m1",
    "master-1": "m2",
    "master-2": "m3",
    **{f"agent-{number}": name for number, name in enumerate(AGENTS)},
}
"""The machine of each daemon that is on one of them."""


class PartitionTests(ClusterTestCase):
    """Three masters, three agents and three ZooKeepers on nine machines; the scheduler is here."""

    cluster: SharedCluster

    def setUp(self) -> Deferred[None]:  # type: ignore[override]
        """Bring it up as `galaxy up` would, but elsewhere."""
        if reason := missing():
            raise SkipTest(reason)
        self.cluster = SharedCluster(Path(self.mktemp()).absolute())
        self.machines = Machines((*MASTERS, *AGENTS, *SERVERS))
        self.addCleanup(self.machines.remove)
        return Deferred.fromCoroutine(self._up())

    async def _up(self) -> None:
        directory, machines = self.cluster.directory, self.machines
        hosts = [(machines[name].address, machines[name].enter) for name in SERVERS]
        servers: ZooKeeperServers = await deferToThread(
            ZooKeeperServers, directory / "ensemble", 3, hosts=hosts
        )
        self.addCleanup(servers.stop)
        layout = Layout(directory)
        for place in (layout.run, layout.log):
            place.mkdir(parents=True)
        masters = [f"{machines[name].address}:7828" for name in MASTERS]
        agents = [
            AgentShare(f"{machines[name].address}:8221", "20000-20099", 500, 256 << 20)
            for name in AGENTS
        ]
        nexus = servers.url("galaxy", SESSION_S)
        layout.settings.write_text(settings_text(masters, nexus))
        layout.agents.write_text(agents_text(agents))
        self.addCleanup(lambda: Deferred.fromCoroutine(self._down()))
        sockets = layout.sockets(Path(tempfile.gettempdir()), len(agents))
        sockets.mkdir(exist_ok=True)
        planned = daemons(layout, sockets, masters, agents)
        started = [self._start(layout, daemon) for daemon in planned]
        for process in started:
            self.assertEqual(await deferToThread(process.wait), 0)

        async def all_alive() -> bool:
            status = await self.cluster.json("status")
            return bool(status["agents"]["alive"] == len(AGENTS) and not status["safe_mode"])

        await until(all_alive)

    def _start(self, layout: Layout, daemon: Daemon) -> subprocess.Popen[bytes]:
        at = WHERE.get(daemon.name)
        enter = self.machines[at].enter if at is not None else ()
        return subprocess.Popen([*enter, *daemon.command(layout)], stdin=subprocess.DEVNULL)

    async def leader(self) -> str:
        """The machine of the leader."""
        return WHERE[await self.cluster.leader()]

    def copies(self, job_id: str) -> Counter[str]:
        """How many processes each pod of the job has, as the kernel tells."""
        count: Counter[str] = Counter()
        for process in psutil.process_iter(["cmdline"]):
            if (process.info["cmdline"] or [])[:1] == ["sleep"]:  # None: it is ending
                try:
                    count[process.environ().get("GALAXY_POD_ID", "")] += 1
                except psutil.NoSuchProcess:
                    continue
        return Counter({pod: n for pod, n in count.items() if pod.startswith(job_id)})

    async def once(self, job_id: str, count: int) -> None:
        """Wait until so many pods of the job have a process each, and no pod has two."""

        async def each() -> bool:
            copies = self.copies(job_id)
            return len(copies) == count and set(copies.values()) == {1}

        await until(each)

    async def test_the_leader_is_cut_off_from_the_ensemble_and_not_from_agents(self) -> None:
        """It lets go; another leads; agents go there; healed, it stands by."""
        cluster = self.cluster
        web = await cluster.submit(sleeper("web", 6), "--wait")
        once = {**sleeper("once", 3, "exit 0"), "type": "kBatch"}
        batch = await cluster.submit(once)

        async def finished() -> bool:
            return bool((await cluster.json("show", batch))["state"] == "kJobFinished")

        await until(finished)
        pids, attempts = await cluster.pids(web), await cluster.attempts(web)
        old, epoch = await self.leader(), await cluster.epoch()
        self.machines.cut([old], SERVERS)
        watch = Stopwatch()
        await cluster.galaxy("scale", web, "7")
        self.assertLess(watch.seconds, SESSION_S + 2)  # also until it was noticed
        self.assertNotEqual(await self._reigns_alone(epoch), old)
        await cluster.running(web, 7)
        await self.once(web, 7)

        self.machines.heal([old], SERVERS)
        await self._stands_by(old)
        await cluster.galaxy("scale", web, "6")
        await self.once(web, 6)
        self.assertEqual(await cluster.pids(web), pids)
        self.assertEqual(await cluster.attempts(web), attempts)
        ended = await cluster.json("show", batch)
        self.assertEqual((ended["state"], ended["finished"]), ("kJobFinished", 3))

    async def test_agents_are_cut_off_from_masters(self) -> None:
        """All of them: nothing is done. One: its pods run elsewhere, and once when it is back."""
        cluster = self.cluster
        web = await cluster.submit(sleeper("web", 6), "--wait")
        pids = await cluster.pids(web)
        self.machines.cut(AGENTS, MASTERS)

        async def held() -> bool:
            return bool((await cluster.json("status"))["safe_mode"])

        await until(held)
        await self.once(web, 6)
        self.machines.heal(AGENTS, MASTERS)
        await cluster.at_ease()

        async def told() -> bool:
            return await cluster.pids(web) == pids

        await until(told)

        lost = "a1"
        self.machines.cut([lost], MASTERS)
        watch = Stopwatch()
        address = self.machines[lost].address

        async def elsewhere() -> bool:
            pods = await cluster.json("pods", "-j", web)
            away = [pod for pod in pods if not pod["endpoint"].startswith(address)]
            return sum(pod["state"] == "kPodRunning" for pod in away) == 6

        await until(elsewhere)
        self.assertLess(watch.seconds, 10.0)
        self.machines.heal([lost], MASTERS)
        await self.once(web, 6)

    async def test_an_agent_is_cut_off_from_the_ensemble_only(self) -> None:
        """It goes to another leader all the same: the masters are in its settings."""
        cluster = self.cluster
        web = await cluster.submit(sleeper("web", 6), "--wait")
        pids, attempts = await cluster.pids(web), await cluster.attempts(web)
        self.machines.cut(["a1"], SERVERS)
        await cluster.galaxy("stepdown")
        await cluster.at_ease()
        agents = await cluster.json("agents")
        self.assertEqual([agent["state"] for agent in agents], ["kAlive"] * len(AGENTS))
        self.assertEqual(await cluster.pids(web), pids)
        self.assertEqual(await cluster.attempts(web), attempts)
        self.machines.heal(["a1"], SERVERS)

    async def test_one_zookeeper_is_cut_off(self) -> None:
        """Whichever it is: changes are taken, tasks run on."""
        cluster = self.cluster
        web = await cluster.submit(sleeper("web", 3), "--wait")
        pids = await cluster.pids(web)
        for server in SERVERS:
            others = [*(each for each in SERVERS if each != server), *MASTERS, *AGENTS]
            self.machines.cut([server], others)
            await cluster.galaxy("scale", web, "3")
            await cluster.galaxy("label", "-l", server, "-e", "a:1")
            self.machines.heal([server], others)
            await deferLater(reactor, 1.0)  # as one is mended before the next is broken
        await cluster.at_ease()
        self.assertEqual(await cluster.pids(web), pids)

    async def _reigns_alone(self, epoch: int) -> str:
        """Wait until the agents are with a later leader; its machine."""

        async def whole() -> dict[str, Any] | None:
            status = await self.cluster.json("status")
            later = status["epoch"] > epoch and not status["safe_mode"] and not status["doubt"]
            return status if later and status["agents"]["alive"] == len(AGENTS) else None

        status = await until(whole)
        assert status is not None
        by_address = {f"{self.machines[name].address}:7828": name for name in MASTERS}
        return by_address[status["leader"]]

    async def _stands_by(self, master: str) -> None:
        address = f"{self.machines[master].address}:7828"

        async def stands() -> bool:
            return address in (await self.cluster.json("status"))["standbys"]

        await until(stands)
