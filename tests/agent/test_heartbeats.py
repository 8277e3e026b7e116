"""What a master hears of an agent and its machine, from the agent itself."""

from __future__ import annotations

from attrs import define, field

from galaxy.agent.wellness import Reading
from galaxy.protocol.calls import Call
from galaxy.protocol.master_pb2 import HeartBeatRequest, HeartBeatResponse
from galaxy.protocol.methods import Served, Service
from galaxy.protocol.services import MASTER_HEART_BEAT
from galaxy.protocol.types_pb2 import AgentFacts
from galaxy.protocol.wire_pb2 import Hello
from galaxy.settings import AgentSettings
from tests.agent.machines import ENDPOINT, MASTER, MachineTests


@define
class Listener:
    """As much of a master as hears heartbeats."""

    beats: list[HeartBeatRequest] = field(factory=list)

    async def heart_beat(self, request: HeartBeatRequest, call: Call) -> HeartBeatResponse:
        """Take it, and want another every second."""
        self.beats.append(request)
        return HeartBeatResponse(interval_s=1.0)


class HeartbeatTests(MachineTests):
    """A master that only listens."""

    def setUp(self) -> None:
        super().setUp()
        self.machine.kill()
        self.master = Listener()
        served = [Served(Service("Master", (MASTER_HEART_BEAT,)), self.master)]
        self.machine.network.listen(MASTER, Hello(role="master", name=MASTER), served)

    def start(self) -> None:
        """Start the agent, and let it be heard."""
        self.machine.start()
        self.machine.advance(8)

    def facts(self) -> AgentFacts:
        """The latest."""
        return [beat.facts for beat in self.master.beats if beat.HasField("facts")][-1]

    def test_machine(self) -> None:
        """Its name, its size, its labels, and how it keeps tasks apart."""
        self.machine.settings = AgentSettings(labels=("ssd",))
        self.start()
        facts = self.facts()
        self.assertEqual((facts.hostname, list(facts.labels)), ("host-1", ["ssd"]))
        self.assertEqual((facts.total.millicores, list(facts.total.disks)), (2000, []))
        self.assertEqual((facts.isolation, facts.unhealthy), ("cgroup-v1", ""))

    def test_revision(self) -> None:
        """It tells at which revision it is, as soon as that is another."""
        self.start()
        before = self.master.beats[-1]
        self.assertEqual(before.endpoint, ENDPOINT)
        self.run_one()
        after = self.master.beats[-1]
        self.assertEqual(after.instance, before.instance)
        self.assertGreater(after.revision, before.revision)
        self.assertTrue(self.facts().bound)
        self.assertEqual(self.facts().epoch, 1)

    def test_unwell(self) -> None:
        """That the machine is not well, it tells with the next."""
        readings = [Reading()]
        self.machine.condition = lambda: readings[-1]
        self.start()
        readings.append(Reading(gone="/data"))
        self.machine.advance(6)
        self.assertEqual(self.facts().unhealthy, "its directory /data has vanished")
