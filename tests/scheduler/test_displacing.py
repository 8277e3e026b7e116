"""Making room, against a master of paper that says who could leave."""

from __future__ import annotations

from typing import Any

from galaxy.protocol.master_pb2 import AgentTenants, PendingGroup, ProposalAnswer
from galaxy.protocol.master_pb2 import Tenant as TenantMessage
from galaxy.protocol.types_pb2 import Port, Resource, Status, kBatch, kLongRun
from galaxy.scheduler.tenants import CLAIM_S, NOBODY_S
from tests.scheduler.fleets import GIB, agent
from tests.scheduler.paper import PaperCase, waiting


def wanting(job: str = "web", count: int = 1, cores: int = 2, **more: Any) -> PendingGroup:
    """Pods that may displace others."""
    group = waiting(job, count, cores, priority=70, type=kLongRun, may_preempt=True)
    for name, value in more.items():
        if isinstance(value, Resource):
            group.requirement.CopyFrom(value)
        elif isinstance(value, list):
            group.labels.extend(value)
        else:
            setattr(group, name, value)
    return group


def tenants(number: int, count: int = 4, **more: Any) -> AgentTenants:
    """An agent with so many pods of one core and a GiB."""
    requirement = more.pop("requirement", Resource(millicores=1000, memory=GIB))
    more = {"job_id": "crunch", "priority": 25, "type": kBatch, **more}
    return AgentTenants(
        agent=number,
        tenants=[TenantMessage(version="1", count=count, requirement=requirement, **more)],
    )


class DisplacingTests(PaperCase):
    """Groups that find no place, and may have it at the cost of others."""

    def setUp(self) -> None:
        super().setUp()
        self.master.agents = [
            agent(number, assigned_cores=4, assigned_gib=4, pods=4) for number in (11, 12)
        ]
        self.master.tenants = [tenants(11), tenants(12)]

    def test_the_smallest_set_is_proposed(self) -> None:
        self.master.pending = [wanting(cores=2)]
        self.scheduler.startService()
        self.advance(0.1)
        (claim,) = self.master.preemptions
        self.assertEqual((claim.job_id, claim.version, claim.count), ("web", "1", 1))
        self.assertIn(claim.agent, (11, 12))
        (victims,) = claim.victims
        self.assertEqual((victims.job_id, victims.version, victims.count), ("crunch", "1", 2))

    def test_several_pods_spread(self) -> None:
        """No agent has to give up more than it has, and all of the group get room."""
        self.master.pending = [wanting(count=4, cores=2)]
        self.scheduler.startService()
        self.advance(0.1)
        self.assertEqual(
            sorted((one.agent, one.count, one.victims[0].count) for one in self.master.preemptions),
            [(11, 2, 4), (12, 2, 4)],
        )

    def test_a_group_that_may_not_asks_nobody(self) -> None:
        self.master.pending = [wanting(may_preempt=False)]
        self.scheduler.startService()
        self.advance(3)
        self.assertEqual((self.master.asked, self.master.preemptions), ([], []))

    def test_a_group_that_finds_room_asks_nobody(self) -> None:
        self.master.agents = [agent(11), agent(12)]
        self.master.pending = [wanting()]
        self.scheduler.startService()
        self.advance(3)
        self.assertEqual((self.master.asked, self.master.preemptions), ([], []))

    def test_what_no_machine_could_hold_asks_nobody(self) -> None:
        """However many leave: and so it costs the master nothing."""
        self.master.pending = [wanting("huge", cores=64), wanting("rare", labels=["gpu"])]
        self.scheduler.startService()
        self.advance(3)
        self.assertEqual(self.master.asked, [])

    def test_a_job_that_ends_meanwhile_is_in_nobodys_way(self) -> None:
        self.master.ended = {"gone"}
        self.master.pending = [wanting("gone", priority=90), wanting("web")]
        self.scheduler.startService()
        self.advance(1)
        self.assertEqual([one.job_id for one in self.master.preemptions], ["web"])

    def test_who_ranks_as_high_is_let_alone(self) -> None:
        """Whatever the master says: a service never displaces one of its own priority."""
        self.master.tenants = [tenants(11, priority=70, type=kLongRun), tenants(12, priority=71)]
        self.master.pending = [wanting()]
        self.scheduler.startService()
        self.advance(3)
        self.assertEqual(self.master.preemptions, [])

    def test_a_claim_is_not_made_twice_while_it_stands(self) -> None:
        """Though the group may still be seen to wait."""
        self.master.pending = [wanting()]
        self.scheduler.startService()
        self.advance(CLAIM_S - 2)
        self.assertEqual(len(self.master.preemptions), 1)
        self.advance(4)
        self.assertEqual(len(self.master.preemptions), 2)

    def test_what_waits_besides_a_claim_is_claimed_for(self) -> None:
        self.master.pending = [wanting(count=1)]
        self.scheduler.startService()
        self.advance(1)
        self.master.offer(wanting(count=3))
        self.advance(1)
        self.assertGreater(len(self.master.preemptions), 1)

    def test_who_was_refused_asks_again_soon_but_not_at_once(self) -> None:
        no = ProposalAnswer(status=Status.kConflict, reason="they are needed")
        self.master.claims = [no] * 100
        self.master.pending = [wanting()]
        self.scheduler.startService()
        self.advance(NOBODY_S - 1)
        self.assertEqual(len(self.master.preemptions), 1)
        self.advance(2)
        self.assertEqual(len(self.master.preemptions), 2)

    def test_agents_that_lack_what_does_not_change_are_let_alone(self) -> None:
        """Labels, isolation, agents that take no pods: nobody's leaving helps there."""
        self.master.agents = [
            agent(11, assigned_cores=4, labels=["ssd"]),
            agent(12, assigned_cores=4),
        ]
        self.master.pending = [wanting(labels=["ssd"], count=2, cores=4)]
        self.scheduler.startService()
        self.advance(1)
        self.assertEqual([(one.agent, one.count) for one in self.master.preemptions], [(11, 1)])

    def test_max_per_host_holds(self) -> None:
        self.master.pending = [wanting(count=4, cores=1, max_per_host=1)]
        self.scheduler.startService()
        self.advance(1)
        self.assertEqual(
            sorted((one.agent, one.count) for one in self.master.preemptions), [(11, 1), (12, 1)]
        )

    def test_a_port_is_freed_by_its_holder(self) -> None:
        wanted = Resource(millicores=1000, memory=GIB, ports=[Port(port=80)])
        self.master.agents = [agent(11, assigned_cores=2, ports=[80])]
        self.master.tenants = [tenants(11, 1, requirement=wanted)]
        self.master.pending = [wanting(requirement=wanted)]
        self.scheduler.startService()
        self.advance(1)
        self.assertEqual([one.agent for one in self.master.preemptions], [11])

    def test_the_most_important_comes_first(self) -> None:
        self.master.pending = [wanting("low", priority=50), wanting("high", priority=90)]
        self.scheduler.startService()
        self.advance(0.1)
        self.assertEqual(self.master.preemptions[0].job_id, "high")
