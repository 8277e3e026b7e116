"""The master's words about who could leave, as the scheduler takes them."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import AgentTenants, GetVictimsResponse
from galaxy.protocol.master_pb2 import Tenant as TenantMessage
from galaxy.protocol.types_pb2 import Port, Resource, kBatch, kLongRun
from galaxy.scheduler.groups import Group, Shape, rank_of
from galaxy.scheduler.preemption import Eviction, Host, smallest
from galaxy.scheduler.tenants import CLAIM_S, NOBODY_S, Attempts, hosts_for, preemption_message
from tests.scheduler.fleets import GIB, agent, fleet_of, group


def wanting(**more: Any) -> Group:
    """A service of priority 70 that may displace others."""
    return evolve(group("web", 2, cores=2), rank=rank_of(70, kLongRun), may_preempt=True, **more)


def answer(*numbers: int, memory: int = GIB, priority: int = 25) -> GetVictimsResponse:
    """On each of these agents four pods that may leave, one of which has port 80."""
    amount = Resource(millicores=1000, memory=memory)
    with_port = Resource(millicores=1000, memory=memory, ports=[Port(port=80)])
    more: dict[str, Any] = {"version": "1", "priority": priority, "type": kBatch}
    tenants = [
        TenantMessage(job_id="crunch", count=3, requirement=amount, **more),
        TenantMessage(job_id="holder", count=1, requirement=with_port, **more),
    ]
    return GetVictimsResponse(
        agents=[AgentTenants(agent=number, tenants=tenants) for number in numbers]
    )


class HostsTests(SynchronousTestCase):
    """Which machines could make room."""

    def hosts(self, wanted: Group, said: GetVictimsResponse) -> list[Host]:
        fleet = fleet_of(
            agent(1, assigned_cores=3, assigned_gib=8, ports=[80]),
            agent(2, assigned_cores=4, labels=["ssd"]),
            agent(3, schedulable=False),
        )
        return hosts_for(fleet, wanted, said)

    def test_machines_that_take_no_pods_are_left_out(self) -> None:
        """And those that are not known here."""
        hosts = self.hosts(wanting(), answer(1, 2, 3, 4))
        self.assertEqual([one.agent for one in hosts], [1, 2])
        self.assertEqual((hosts[0].free_cpu, hosts[0].free_memory), (1000, 0))

    def test_memory_that_comes_free_is_rounded_down(self) -> None:
        (host,) = self.hosts(wanting(), answer(1, memory=GIB - 1))
        self.assertEqual(host.tenants[0].memory, 1023)

    def test_who_does_not_rank_lower_is_no_tenant(self) -> None:
        """Safety, whatever the master says: a batch of the same priority may, a service not."""
        service = wanting()
        batch = evolve(service, rank=rank_of(70, kBatch))
        same = answer(1, priority=70)
        self.assertEqual(len(self.hosts(service, same)[0].tenants), 2)
        self.assertEqual(self.hosts(batch, same)[0].tenants, ())

    def test_max_per_host_bounds_what_a_machine_holds(self) -> None:
        hosts = self.hosts(wanting(max_per_host=2, occupied=((1, 1), (2, 2))), answer(1, 2))
        self.assertEqual([one.most for one in hosts], [1, 0])

    def test_nobody_is_displaced_for_room_on_a_disk(self) -> None:
        """What the disk of a machine has room for bounds how many pods may come."""
        shape = Shape(1000, 1024, disk_mib=2 << 10)
        fleet = fleet_of(agent(1, disk_gib=1), agent(2, disk_gib=5))
        wanted = evolve(wanting(), count=9, shape=shape)
        found = hosts_for(fleet, wanted, answer(1, 2))
        self.assertEqual([(host.agent, host.most) for host in found], [(2, 2)])

    def test_a_port_is_had_from_its_holder(self) -> None:
        port = evolve(wanting().shape, ports=(80,))
        first, second = self.hosts(wanting(shape=port), answer(1, 2))
        self.assertEqual((first.taken, second.taken, first.most), ({80}, frozenset(), 1))
        self.assertIn("holder", [one.job_id for one, _ in smallest(first, port, 1)])


class MessageTests(SynchronousTestCase):
    """What is proposed."""

    def test_an_eviction_names_jobs_versions_and_counts(self) -> None:
        tenant = hosts_for(fleet_of(agent(1)), wanting(), answer(1))[0].tenants[0]
        message = preemption_message(wanting(), Eviction(1, 2, ((tenant, 3),)))
        self.assertEqual((message.job_id, message.agent, message.count), ("web", 1, 2))
        (victims,) = message.victims
        self.assertEqual((victims.job_id, victims.version, victims.count), ("crunch", "1", 3))


class AttemptsTests(SynchronousTestCase):
    """For whom not to ask again yet."""

    def test_a_claim_stands_for_a_while(self) -> None:
        attempts = Attempts()
        attempts.note(wanting(), 2, 0.0)
        self.assertFalse(attempts.is_due(wanting(), CLAIM_S - 1))
        self.assertTrue(attempts.is_due(wanting(), CLAIM_S))

    def test_who_got_nothing_asks_again_soon(self) -> None:
        attempts = Attempts()
        attempts.note(wanting(), 0, 0.0)
        self.assertFalse(attempts.is_due(wanting(), NOBODY_S - 1))
        self.assertTrue(attempts.is_due(wanting(), NOBODY_S))

    def test_who_gets_nothing_again_and_again_asks_less_often(self) -> None:
        attempts, now = Attempts(), 0.0
        waits = []
        for _ in range(6):
            attempts.note(wanting(), 0, now)
            asked = now
            while not attempts.is_due(wanting(), now):
                now += 1
            waits.append(now - asked)
        self.assertEqual(waits, [5, 10, 20, 40, 40, 40])

    def test_when_another_number_waits_it_is_another_question(self) -> None:
        attempts = Attempts()
        attempts.note(wanting(), 2, 0.0)
        self.assertTrue(attempts.is_due(wanting(count=1), 1.0))

    def test_who_waits_anew_begins_anew(self) -> None:
        attempts = Attempts()
        attempts.note(wanting(), 2, 0.0)
        attempts.forget_all_but([])
        self.assertTrue(attempts.is_due(wanting(), 1.0))
