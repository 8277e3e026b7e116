"""The connection to the master: found, kept, followed when it moves."""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import define, field
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from galaxy.agent.master_link import MasterLink
from galaxy.nexus.interfaces import IDiscovery, IWatch, Leader
from galaxy.nexus.static import StaticDiscovery
from galaxy.nexus.watches import LeaderWatches
from galaxy.protocol.calls import Call
from galaxy.protocol.interfaces import IListening
from galaxy.protocol.loopback import LoopbackNetwork
from galaxy.protocol.master_pb2 import HeartBeatRequest, HeartBeatResponse
from galaxy.protocol.methods import Served, Service
from galaxy.protocol.services import MASTER_HEART_BEAT
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import AgentFacts, kNotLeader
from galaxy.protocol.wire_pb2 import Hello

HEARTBEATS = Service("Master", (MASTER_HEART_BEAT,))
FIRST, SECOND = "10.0.0.1:7828", "10.0.0.2:7828"


@define
class Master:
    """As much of a master as a heartbeat meets."""

    interval_s: float = 1.0
    send_facts: bool = False
    leads: bool = True
    beats: list[HeartBeatRequest] = field(factory=list)

    async def heart_beat(self, request: HeartBeatRequest, call: Call) -> HeartBeatResponse:
        """Take a heartbeat."""
        if not self.leads:
            raise GalaxyError(kNotLeader, "ask the other")
        self.beats.append(request)
        return HeartBeatResponse(interval_s=self.interval_s, send_facts=self.send_facts)


@implementer(IDiscovery)
class ToldDiscovery:
    """Knows the leader that the test names."""

    def __init__(self, clock: Clock) -> None:
        self.leaders = LeaderWatches(clock)

    def watch_leader(self, changed: Any) -> IWatch:
        """Tell of the leader."""
        return self.leaders.add(changed)

    def unreachable(self, endpoint: str) -> None:
        """Know better."""

    def close(self) -> Any:
        """Nothing to close."""


class LinkTests(SynchronousTestCase):
    """Against masters on a loopback network."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = LoopbackNetwork(self.clock)
        self.revision = 1
        self.fault: Exception | None = None
        self.faults: list[str] = []
        self.facts = AgentFacts(hostname="host-1")
        self.masters: dict[str, Master] = {}
        self.ports: dict[str, IListening] = {}

    def listen(self, address: str, master: Master) -> Master:
        """Have a master listen."""
        served = [Served(HEARTBEATS, master)]
        listening = self.network.listen(address, Hello(role="master", name=address), served)
        self.ports[address] = self.successResultOf(listening)
        return master

    def told(self) -> HeartBeatRequest:
        """The next heartbeat."""
        if self.fault is not None:
            raise self.fault
        return HeartBeatRequest(endpoint="a", instance="i", revision=self.revision)

    def link(self, discovery: IDiscovery | None = None) -> MasterLink:
        """A link that has been started."""
        link = MasterLink(
            discovery=discovery or StaticDiscovery([FIRST, SECOND], self.clock),
            network=self.network,
            hello=Hello(role="agent", name="a"),
            serve=[],
            told=self.told,
            facts=lambda: self.facts,
            broken=lambda failure: self.faults.append(failure.getErrorMessage()),
            clock=self.clock,
            rng=Random(1),
        )
        link.startService()
        self.addCleanup(link.stopService)
        return link

    def advance(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        for _ in range(max(1, round(seconds / 0.01))):
            self.clock.advance(0.01)

    def test_pace(self) -> None:
        """Heartbeats come at the pace that the master answers."""
        master = self.listen(FIRST, Master(interval_s=0.5))
        self.link()
        self.advance(5.2)
        self.assertIn(len(master.beats), (10, 11))

    def test_news(self) -> None:
        """A change is told at once, and many changes are told together."""
        master = self.listen(FIRST, Master(interval_s=60.0))
        link = self.link()
        self.advance(1)
        before = len(master.beats)
        for _ in range(100):
            self.revision += 1
            link.news()
        self.advance(0.05)
        self.assertEqual(len(master.beats), before + 1)
        self.assertEqual(master.beats[-1].revision, 101)

    def test_facts(self) -> None:
        """Facts come with the first heartbeat, and when they change; else they do not."""
        master = self.listen(FIRST, Master(interval_s=0.2))
        link = self.link()
        self.advance(1)
        self.facts = AgentFacts(hostname="host-2")
        link.news()
        self.advance(1)
        named = [beat.facts.hostname for beat in master.beats if beat.HasField("facts")]
        self.assertEqual(named, ["host-1", "host-2"])

    def test_facts_asked_for(self) -> None:
        """A master that asks for facts gets them at once."""
        master = self.listen(FIRST, Master(interval_s=10.0))
        link = self.link()
        self.advance(0.5)
        master.send_facts = True
        link.news()
        self.advance(0.5)
        self.assertTrue(master.beats[-1].HasField("facts"))
        self.assertLessEqual(len(master.beats), 4)

    def test_nobody_there(self) -> None:
        """A master that comes later is found."""
        self.link()
        self.advance(20)
        master = self.listen(FIRST, Master())
        self.advance(7)
        self.assertTrue(master.beats)

    def test_connection_breaks(self) -> None:
        """A connection that broke is made again, and facts are told again."""
        master = self.listen(FIRST, Master())
        self.link()
        self.advance(1)
        self.network.drop("a")
        master.beats.clear()
        self.advance(7)
        self.assertTrue(master.beats[0].HasField("facts"))

    def test_silent_master(self) -> None:
        """A master that no longer answers is given up, and another is tried."""
        self.listen(FIRST, Master())
        second = self.listen(SECOND, Master())
        self.link()
        self.advance(1)
        self.network.cut("a", FIRST)
        self.advance(30)
        self.assertTrue(second.beats)

    def test_not_the_leader(self) -> None:
        """A standby's refusal leads to the next address."""
        self.listen(FIRST, Master(leads=False))
        second = self.listen(SECOND, Master())
        self.link()
        self.advance(5)
        self.assertTrue(second.beats)

    def test_each_kind_of_failure_is_said_once(self) -> None:
        """However long it lasts, and also if it comes after another."""
        self.listen(FIRST, Master(leads=False))
        with capturedLogs() as events:
            self.link()
            self.advance(20)
        said = [text for event in events if "no master at" in (text := str(formatEvent(event)))]
        self.assertEqual(len(said), 2, said)
        self.assertIn("ask the other", said[0])

    def test_follows(self) -> None:
        """When the leader moves the agent follows soon, though the old one still answers."""
        first = self.listen(FIRST, Master(interval_s=60.0))
        second = self.listen(SECOND, Master(interval_s=60.0))
        discovery = ToldDiscovery(self.clock)
        discovery.leaders.tell(Leader(FIRST, 1))
        self.link(discovery)
        self.advance(1)
        discovery.leaders.tell(Leader(SECOND, 2))
        self.advance(5)
        self.assertEqual((len(first.beats), len(second.beats)), (1, 1))

    def test_no_leader(self) -> None:
        """Without a leader the agent waits for one."""
        discovery = ToldDiscovery(self.clock)
        self.link(discovery)
        self.advance(5)
        first = self.listen(FIRST, Master())
        discovery.leaders.tell(Leader(FIRST, 1))
        self.advance(0.1)
        self.assertTrue(first.beats)

    def test_stop(self) -> None:
        """A stopped link hangs up and leaves nothing to be called later."""
        master = self.listen(FIRST, Master())
        link = self.link()
        self.advance(1)
        link.stopService()
        master.beats.clear()
        self.advance(10)
        self.assertEqual((master.beats, self.faults), ([], []))

    def test_fault(self) -> None:
        """A fault of ours ends the link, and somebody is told."""
        self.listen(FIRST, Master())
        self.fault = ZeroDivisionError("ours")
        self.link()
        self.advance(1)
        self.assertEqual(self.faults, ["ours"])
