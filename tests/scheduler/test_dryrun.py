"""Dry runs: what people are told of where pods would go."""

from __future__ import annotations

import random

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from galaxy.protocol.calls import Call
from galaxy.protocol.interfaces import IPeer
from galaxy.protocol.loopback import LoopbackNetwork
from galaxy.protocol.master_pb2 import PendingGroup
from galaxy.protocol.methods import Served
from galaxy.protocol.scheduler_pb2 import DryRunRequest, DryRunResponse
from galaxy.protocol.services import SCHEDULER_DRY_RUN, IScheduler
from galaxy.protocol.wire_pb2 import Hello
from galaxy.scheduler.dryrun import DryRuns, dry_run
from galaxy.scheduler.picture import Picture
from galaxy.scheduler.score import Pack
from tests.scheduler.fleets import GIB, agent, fleet_of, group
from tests.scheduler.paper import SCHEDULERS, PaperMaster, waiting


class DryRunTests(SynchronousTestCase):
    """The plan for some groups alone."""

    def test_places_are_told_in_the_masters_numbers(self) -> None:
        result = dry_run(fleet_of(agent(7), agent(8, cores=1)), [group("j", 4)], Pack())
        (placement,) = result.placements
        self.assertEqual(dict(zip(placement.agent, placement.count, strict=True)), {7: 4})
        self.assertEqual((list(result.unplaced), result.agents), ([], 2))

    def test_what_finds_no_place_is_named_with_its_obstacles(self) -> None:
        """The sentence of issue 3: how many lack what, and who came nearest by how much."""
        fleet = fleet_of(
            *(agent(number) for number in range(1, 5)),
            agent(5, labels=["ssd"], gib=2),
            agent(6, labels=["ssd"], gib=2.5),
        )
        result = dry_run(fleet, [group("j", 1, gib=4, labels=["ssd"])], Pack())
        (unplaced,) = result.unplaced
        self.assertEqual(
            unplaced.reason,
            "4 of 6 agents lack the label ssd, 2 lack memory;"
            " nearest: 10.0.0.6:8221 lacks 1.5 GiB of memory",
        )
        self.assertEqual(
            [(one.constraint, one.agents) for one in unplaced.obstacles],
            [("label ssd", 4), ("memory", 2)],
        )


class DryRunsTests(SynchronousTestCase):
    """The service, asked by a master of paper over a connection."""

    def setUp(self) -> None:
        self.picture = Picture(Pack(), random.Random(0))
        self.clock = Clock()
        self.master = PaperMaster(self.clock, agents=[agent(11), agent(12)])
        network = LoopbackNetwork(self.clock)
        served = [Served(SCHEDULERS, self.master)]
        self.successResultOf(network.listen("10.0.0.9:1", Hello(role="master"), served))
        dialled = network.dial("10.0.0.9:1", Hello(role="scheduler"))
        self.clock.pump([0.1] * 3)
        self.peer: IPeer = self.successResultOf(dialled)

    def ask(self, *groups: PendingGroup) -> DryRunResponse:
        """Ask, as the master does."""
        runs = DryRuns(self.picture)
        verifyObject(IScheduler, runs)
        call = Call(self.peer, SCHEDULER_DRY_RUN, 0)
        answer = Deferred.fromCoroutine(runs.dry_run(DryRunRequest(groups=groups), call))
        self.clock.pump([0.1] * 3)
        result: DryRunResponse = self.successResultOf(answer)
        return result

    def test_the_masters_present_picture_is_the_one_that_counts(self) -> None:
        """It holds before the first round, and in another reign."""
        self.picture.begin("an earlier reign")
        self.picture.learn([agent(99)])
        result = self.ask(waiting("j", 2))
        self.assertEqual(result.agents, 2)
        self.assertEqual(sum(result.placements[0].count), 2)

    def test_changes_since_the_last_round_count(self) -> None:
        self.picture.begin("reign-1")
        self.picture.learn([agent(11), agent(12)])
        self.picture.revision = 5
        self.assertEqual(self.ask(waiting()).agents, 2)
        self.assertEqual(self.master.snapshots[-1].since_revision, 5)

    def test_the_picture_stays_as_it_is(self) -> None:
        """Safety: what was asked about is neither proposed nor counted."""
        self.picture.begin("reign-1")
        self.picture.learn([agent(11), agent(12)])
        before = self.picture.fleet.free_memory.tolist(), self.picture.fleet.position
        self.ask(waiting("j", 4))
        after = self.picture.fleet.free_memory.tolist(), self.picture.fleet.position
        self.assertEqual(before, after)
        self.assertEqual(self.picture.fleet.free_memory[0], 8 * GIB >> 20)
