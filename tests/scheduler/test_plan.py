"""The plan's laws, and what it says of what it cannot place."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import AgentSnapshot
from galaxy.scheduler.feasibility import Removed, survey
from galaxy.scheduler.groups import Group
from galaxy.scheduler.placement import Placer
from galaxy.scheduler.plan import Plan, Planning, plan
from galaxy.scheduler.score import POLICIES
from tests.scheduler.fleets import agent, fleet_of, group

agents = st.lists(
    st.builds(
        agent,
        st.integers(0, 30),
        cores=st.integers(0, 6),
        gib=st.integers(0, 6),
        assigned_cores=st.integers(0, 3),
        labels=st.sampled_from([[], ["ssd"], ["gpu", "ssd"]]),
        ports=st.sampled_from([[], [80], [443]]),
        schedulable=st.sampled_from([True, True, False]),
        isolated=st.booleans(),
    ),
    unique_by=lambda one: one.agent,
    max_size=8,
)
groups = st.lists(
    st.builds(
        group,
        st.sampled_from([f"job{n}" for n in range(12)]),
        st.integers(0, 12),
        cores=st.sampled_from([0, 0.3, 1, 2, 9]),
        gib=st.sampled_from([0, 0.5, 1, 3]),
        labels=st.sampled_from([(), (), ("ssd",), ("gpu", "ssd")]),
        ports=st.sampled_from([(), (), (80,), (80, 443)]),
        isolated=st.booleans(),
        user=st.sampled_from(["ann", "bob"]),
        priority=st.integers(0, 2),
        max_per_host=st.integers(0, 3),
        occupied=st.sampled_from([(), ((1, 1), (2, 2))]),
        running=st.integers(0, 3),
    ),
    unique_by=lambda one: one.job_id,
    max_size=8,
)
policies = st.sampled_from(sorted(POLICIES))
seeds = st.integers(0, 3)


def made(
    machines: list[AgentSnapshot], waiting: list[Group], policy: str = "pack", seed: int = 0
) -> Plan:
    """A plan on a fleet of its own."""
    return plan(fleet_of(*machines), waiting, POLICIES[policy], random.Random(seed))


class PlanLaws(SynchronousTestCase):
    """What holds for every fleet, every queue and every policy."""

    @given(agents, groups, policies, seeds)
    @settings(deadline=None)
    def test_safety_no_agent_is_over_committed(
        self, machines: list[AgentSnapshot], waiting: list[Group], policy: str, seed: int
    ) -> None:
        """Counted anew from the snapshots, in bytes, apart from the scheduler's columns."""
        cpu = {
            one.agent: max(0, one.total_millicores - one.assigned_millicores) for one in machines
        }
        memory = {one.agent: one.total_memory - one.assigned_memory for one in machines}
        ports = {one.agent: set(one.ports) for one in machines}
        pods: Counter[tuple[str, int]] = Counter()
        by_number = {one.agent: one for one in machines}
        fleet = fleet_of(*machines)
        for placed in plan(fleet, waiting, POLICIES[policy], random.Random(seed)).placed:
            shape = placed.group.shape
            for row, count in zip(placed.rows, placed.counts, strict=True):
                number = fleet.agents[row]
                self.assertGreater(count, 0)
                self.assertTrue(by_number[number].schedulable)
                self.assertTrue(by_number[number].isolated or not shape.needs_isolation)
                self.assertTrue(set(shape.labels) <= set(by_number[number].labels))
                cpu[number] -= count * shape.millicores
                memory[number] -= count * shape.memory_mib << 20
                self.assertGreaterEqual(cpu[number], 0)
                self.assertGreaterEqual(memory[number], 0)
                for port in shape.ports:
                    self.assertEqual(count, 1)
                    self.assertNotIn(port, ports[number])
                    ports[number].add(port)
                pods[placed.group.job_id, number] += count
        for one in waiting:
            for number in cpu:
                there = dict(one.occupied).get(number, 0)
                if one.max_per_host and pods[one.job_id, number]:
                    self.assertLessEqual(pods[one.job_id, number] + there, one.max_per_host)

    @given(agents, groups, policies, seeds)
    @settings(deadline=None)
    def test_safety_every_pod_is_placed_once_or_named(
        self, machines: list[AgentSnapshot], waiting: list[Group], policy: str, seed: int
    ) -> None:
        result = made(machines, waiting, policy, seed)
        self.assertTrue(result.complete)
        counted: Counter[str] = Counter()
        for placed in result.placed:
            counted[placed.group.job_id] += placed.pods
        for one in result.unplaced:
            counted[one.group.job_id] += one.count
            self.assertTrue(one.reason)
        self.assertEqual(counted, Counter({one.job_id: one.count for one in waiting}))

    @given(agents, groups, policies, seeds)
    @settings(deadline=None)
    def test_liveness_nothing_that_fits_is_left_out(
        self, machines: list[AgentSnapshot], waiting: list[Group], policy: str, seed: int
    ) -> None:
        """When all is planned, no agent could hold one more of what was left out."""
        fleet = fleet_of(*machines)
        result = plan(fleet, waiting, POLICIES[policy], random.Random(seed))
        for one in result.unplaced:
            if not one.group.max_per_host:
                self.assertEqual(survey(fleet, one.group.shape).able, 0)

    @given(agents, groups, policies, seeds)
    @settings(deadline=None)
    def test_safety_the_same_seed_gives_the_same_plan(
        self, machines: list[AgentSnapshot], waiting: list[Group], policy: str, seed: int
    ) -> None:
        self.assertEqual(
            made(machines, waiting, policy, seed), made(machines, waiting, policy, seed)
        )

    @given(agents, groups, policies, st.integers(1, 5))
    @settings(deadline=None)
    def test_safety_slices_add_up_to_the_whole(
        self, machines: list[AgentSnapshot], waiting: list[Group], policy: str, turns: int
    ) -> None:
        planning = Planning(
            Placer(fleet_of(*machines), POLICIES[policy], random.Random(0)), waiting
        )
        slices = [planning.slice(1000, turns)]
        while not slices[-1].complete:
            slices.append(planning.slice(1000, turns))
        whole = made(machines, waiting, policy)
        self.assertEqual(tuple(one for part in slices for one in part.placed), whole.placed)
        self.assertEqual(tuple(one for part in slices for one in part.unplaced), whole.unplaced)

    @given(agents, groups, policies, st.integers(1, 7))
    @settings(deadline=None)
    def test_safety_a_slice_is_no_larger_than_was_asked(
        self, machines: list[AgentSnapshot], waiting: list[Group], policy: str, most: int
    ) -> None:
        planning = Planning(
            Placer(fleet_of(*machines), POLICIES[policy], random.Random(0)), waiting
        )
        pods: Counter[str] = Counter()
        complete = False
        while not complete:
            part = planning.slice(most, 1000)
            complete = part.complete
            self.assertLessEqual(part.pods, most)
            for placed in part.placed:
                pods[placed.group.job_id] += placed.pods
            for one in part.unplaced:
                pods[one.group.job_id] += one.count
        self.assertEqual(pods, Counter({one.job_id: one.count for one in waiting}))


class PlanTests(SynchronousTestCase):
    """What people rely on."""

    def test_galaxy_2s_example_one_replica_on_each_agent(self) -> None:
        """Two replicas with port 8080 on two agents."""
        for policy in POLICIES:
            result = made([agent(1), agent(2)], [group("j", 2, ports=[8080])], policy)
            self.assertEqual(result.pods, 2)
            self.assertEqual(result.unplaced, ())

    def test_no_job_starves_behind_ten_that_do_not_fit(self) -> None:
        """Galaxy 2 looked at the first ten jobs only (galaxy2 fault 12.2.11)."""
        big = [group(f"big{n}", 5, cores=64, priority=9) for n in range(12)]
        result = made([agent(1)], [*big, group("small", 1)])
        self.assertEqual([placed.group.job_id for placed in result.placed], ["small"])
        self.assertEqual(len(result.unplaced), 12)

    def test_priority_counts(self) -> None:
        """In Galaxy 2 it was never set (fault 12.2.11)."""
        low, high = group("low", 4, priority=1), group("high", 3, priority=2)
        result = made([agent(1, cores=4)], [low, high])
        self.assertEqual(
            [(one.group.job_id, one.pods) for one in result.placed], [("high", 3), ("low", 1)]
        )

    def test_users_share_what_is_scarce(self) -> None:
        jobs = [group(f"a{n}", 10, user="ann") for n in range(3)] + [group("b", 10, user="bob")]
        result = made([agent(1, cores=8, gib=100)], jobs)
        pods: Counter[str] = Counter()
        for placed in result.placed:
            pods[placed.group.user] += placed.pods
        self.assertEqual(pods, Counter(ann=4, bob=4))

    def test_spread_gives_each_agent_one_before_a_second_over_turns_too(self) -> None:
        """A group that comes in many turns is still one group."""
        machines = [
            agent(1, cores=40, gib=40),
            agent(2, cores=20, gib=40),
            agent(3, cores=30, gib=40),
        ]
        fleet = fleet_of(*machines)
        rival = group("k", 6, user="bob", cores=0.001, gib=0.001)
        result = plan(fleet, [group("j", 6), rival], POLICIES["spread"], random.Random(0))
        pods: Counter[int] = Counter()
        turns = [placed for placed in result.placed if placed.group.job_id == "j"]
        for placed in turns:
            pods.update(dict(zip(placed.rows, placed.counts, strict=True)))
        self.assertGreater(len(turns), 1)
        self.assertEqual(pods, Counter({0: 2, 1: 2, 2: 2}))

    def test_what_is_left_over_is_named_with_its_reasons(self) -> None:
        machines = [
            agent(1),
            agent(2),
            agent(3),
            agent(4),
            agent(5, labels=["ssd"], gib=2.5),
            agent(6, labels=["ssd"]),
        ]
        result = made(machines, [group("j", 3, gib=4, labels=["ssd"])])
        (left,) = result.unplaced
        self.assertEqual(left.count, 1)
        self.assertEqual(left.removed, (Removed("label ssd", 4), Removed("memory", 2)))
        self.assertEqual(
            left.reason,
            "4 of 6 agents lack the label ssd, 2 lack memory;"
            " nearest: 10.0.0.5:8221 lacks 1.5 GiB of memory",
        )

    def test_an_agent_that_takes_no_pods_is_no_place(self) -> None:
        """Galaxy 2 accepted offline agents (fault 12.2.12)."""
        result = made([agent(1, schedulable=False)], [group()])
        self.assertEqual(result.unplaced[0].reason, "1 of 1 agents takes no pods")

    def test_use_that_only_memory_tells_of_is_seen(self) -> None:
        """In Galaxy 2, changes of memory alone never reached the scheduler (fault 12.2.12)."""
        fleet = fleet_of(agent(1, assigned_gib=8))
        asked = [group("j", 1)]
        self.assertEqual(plan(fleet, asked, POLICIES["pack"], random.Random(0)).pods, 0)
        fleet.apply([agent(1)])
        self.assertEqual(plan(fleet, asked, POLICIES["pack"], random.Random(0)).pods, 1)
