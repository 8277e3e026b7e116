"""Who is displaced: the laws, and the choices that people would make."""

from __future__ import annotations

from itertools import product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.scheduler.covering import Kind, fewest
from galaxy.scheduler.groups import Rank, Shape
from galaxy.scheduler.preemption import Eviction, Host, Part, Tenant, evictions, smallest


def tenant(
    name: str = "low",
    count: int = 1,
    *,
    cores: float = 1,
    gib: float = 0,
    rank: Rank = (1, False),
    ports: tuple[int, ...] = (),
    youngest: float = 0.0,
) -> Tenant:
    """Pods that could leave."""
    cpu, memory = round(cores * 1000), round(gib * 1024)
    return Tenant(name, "1", count, rank, cpu, memory, frozenset(ports), youngest)


def host(
    *tenants: Tenant,
    number: int = 1,
    cores: float = 0,
    gib: float = 0,
    most: int = 99,
    taken: tuple[int, ...] = (),
) -> Host:
    """A machine with so much free, and these on it."""
    free = round(cores * 1000), round(gib * 1024)
    return Host(number, *free, tenants, most, frozenset(taken))


def shape(cores: float = 1, gib: float = 0, ports: tuple[int, ...] = ()) -> Shape:
    """What each pod asks."""
    return Shape(round(cores * 1000), round(gib * 1024), ports)


def names(victims: tuple[Part, ...]) -> dict[str, int]:
    """How many of each job leave."""
    return {one.job_id: count for one, count in victims}


def suffices(machine: Host, wanted: Shape, count: int, victims: tuple[Part, ...]) -> bool:
    """Counted anew: whether so many pods fit when these have left."""
    cpu = machine.free_cpu + sum(one.cpu * many for one, many in victims)
    memory = machine.free_memory + sum(one.memory * many for one, many in victims)
    ports = frozenset().union(*(one.ports for one, many in victims if many))
    return (
        cpu >= count * wanted.millicores
        and memory >= count * wanted.memory_mib
        and machine.taken <= ports
    )


def every_set(machine: Host) -> list[tuple[Part, ...]]:
    """Every set of its tenants."""
    choices = product(*(range(one.count + 1) for one in machine.tenants))
    return [tuple(zip(machine.tenants, many, strict=True)) for many in choices]


def measure(victims: tuple[Part, ...]) -> tuple[Rank, int]:
    """What makes a set the smaller one."""
    leaving = [one.rank for one, many in victims if many]
    return max(leaving, default=(-1, False)), sum(many for _, many in victims)


tenants = st.lists(
    st.builds(
        tenant,
        st.sampled_from("abcdef"),
        st.integers(1, 3),
        cores=st.sampled_from([0, 0.5, 1, 2, 3]),
        gib=st.sampled_from([0, 0.5, 1, 4]),
        rank=st.tuples(st.integers(0, 2), st.booleans()),
        youngest=st.integers(0, 3).map(float),
    ),
    unique_by=lambda one: one.job_id,
    max_size=4,
)
hosts = st.builds(
    lambda them, cores, gib, taken: host(
        *them,
        *([tenant("holder", ports=taken, rank=(1, True))] if taken else []),
        cores=cores,
        gib=gib,
        most=1 if taken else 4,
        taken=taken,
    ),
    tenants,
    st.sampled_from([0, 0.5, 1, 3]),
    st.sampled_from([0, 1, 2]),
    st.sampled_from([(), (), (80,)]),
)
shapes = st.builds(shape, st.sampled_from([0, 0.5, 1, 2, 5]), st.sampled_from([0, 1, 3]))


class PreemptionLaws(SynchronousTestCase):
    """What holds for every machine and every pod, against all sets there are."""

    @given(hosts, shapes, st.integers(1, 4))
    @settings(deadline=None)
    def test_safety_no_smaller_set_would_do(self, machine: Host, wanted: Shape, count: int) -> None:
        victims = smallest(machine, wanted, count)
        enough = [one for one in every_set(machine) if suffices(machine, wanted, count, one)]
        if not victims:
            nobody = any(measure(one)[1] == 0 for one in enough)
            self.assertTrue(nobody or not enough)
            return
        self.assertTrue(suffices(machine, wanted, count, victims))
        self.assertTrue(all(0 < many <= one.count for one, many in victims))
        self.assertEqual(measure(victims), min(measure(one) for one in enough))

    @given(st.lists(hosts, max_size=4), shapes, st.integers(1, 6))
    @settings(deadline=None)
    def test_liveness_room_that_can_be_made_is_made(
        self, machines: list[Host], wanted: Shape, count: int
    ) -> None:
        """As many pods get room as all machines together could make; no machine twice."""
        numbered = [
            Host(n, one.free_cpu, one.free_memory, one.tenants, one.most, one.taken)
            for n, one in enumerate(machines)
        ]
        found = evictions(wanted, count, numbered)
        self.assertEqual(len({one.agent for one in found}), len(found))
        could = 0
        for one in numbered:
            ahead = 0
            while ahead < one.most and smallest(one, wanted, ahead + 1):
                ahead += 1
            could += ahead
        self.assertEqual(sum(one.count for one in found), min(count, could))
        for eviction in found:
            machine = numbered[eviction.agent]
            self.assertEqual(eviction.victims, smallest(machine, wanted, eviction.count))

    @given(
        st.lists(
            st.builds(Kind, st.integers(0, 9), st.integers(0, 9), st.integers(0, 3)), max_size=4
        ),
        st.integers(0, 30),
        st.integers(0, 30),
        st.integers(0, 12),
    )
    @settings(deadline=None)
    def test_safety_the_fewest_are_the_fewest(
        self, kinds: list[Kind], cpu: int, memory: int, most: int
    ) -> None:
        sizes = [
            sum(many)
            for many in product(*(range(kind.count + 1) for kind in kinds))
            if sum(kind.cpu * n for kind, n in zip(kinds, many, strict=True)) >= cpu
            and sum(kind.memory * n for kind, n in zip(kinds, many, strict=True)) >= memory
        ]
        least = min(sizes, default=None)
        found = fewest(cpu, memory, kinds, most)
        if least is None or least > most:
            self.assertIsNone(found)
            return
        assert found is not None
        self.assertEqual(sum(found), least)
        there = list(zip(kinds, found, strict=True))
        self.assertTrue(all(0 <= many <= kind.count for kind, many in there))
        self.assertGreaterEqual(sum(kind.cpu * many for kind, many in there), cpu)
        self.assertGreaterEqual(sum(kind.memory * many for kind, many in there), memory)


class SmallestTests(SynchronousTestCase):
    """Which pods of a machine leave."""

    def test_one_large_pod_goes_rather_than_two_small_ones(self) -> None:
        machine = host(tenant("small", 4, cores=1), tenant("large", cores=2))
        self.assertEqual(names(smallest(machine, shape(2), 1)), {"large": 1})

    def test_what_is_free_counts(self) -> None:
        machine = host(tenant("small", 4, cores=1), cores=1)
        self.assertEqual(names(smallest(machine, shape(2), 1)), {"small": 1})

    def test_nobody_of_a_higher_rank_goes_to_spare_two_of_a_lower(self) -> None:
        machine = host(tenant("low", 2), tenant("high", cores=2, rank=(5, True)))
        self.assertEqual(names(smallest(machine, shape(2), 1)), {"low": 2})

    def test_batches_go_before_services_of_the_same_priority(self) -> None:
        machine = host(tenant("service", rank=(1, True)), tenant("batch", rank=(1, False)))
        self.assertEqual(names(smallest(machine, shape(1), 1)), {"batch": 1})

    def test_the_youngest_goes_among_equals(self) -> None:
        machine = host(tenant("old", youngest=10), tenant("young", youngest=20))
        self.assertEqual(names(smallest(machine, shape(1), 1)), {"young": 1})

    def test_the_holder_of_a_port_goes(self) -> None:
        machine = host(tenant("other"), tenant("holder", ports=(80,)), taken=(80,))
        self.assertEqual(names(smallest(machine, shape(1, ports=(80,)), 1)), {"holder": 1})

    def test_a_port_that_nobody_who_may_leave_holds_is_no_use(self) -> None:
        machine = host(tenant("other"), taken=(80,))
        self.assertEqual(smallest(machine, shape(1, ports=(80,)), 1), ())

    def test_a_hundred_small_ones_for_a_large_one(self) -> None:
        kinds = [tenant(f"t{n}", 40, cores=n / 10, gib=(9 - n) / 10) for n in range(1, 9)]
        victims = smallest(host(*kinds), shape(30, 30), 1)
        self.assertEqual(sum(names(victims).values()), 67)

    def test_a_search_that_is_cut_finds_what_suffices(self) -> None:
        """Sets of dozens out of a dozen kinds: soon, and close to what must be at least."""
        rng = Random(4)
        kinds = [
            tenant(
                f"t{n}",
                rng.randrange(1, 20),
                cores=rng.choice((0.1, 0.25, 0.5, 1, 1.3, 2)),
                gib=rng.choice((0.1, 0.5, 0.7, 1, 4)),
            )
            for n in range(13)
        ]
        machine, wanted = host(*kinds), shape(4, 8)
        for count in range(1, 10):
            victims = smallest(machine, wanted, count)
            self.assertTrue(suffices(machine, wanted, count, victims))
            for one, _ in victims:
                fewer = tuple((each, many - (each is one)) for each, many in victims)
                self.assertFalse(suffices(machine, wanted, count, fewer))


class EvictionsTests(SynchronousTestCase):
    """Which machines make room."""

    def test_several_pods_spread_over_machines(self) -> None:
        """Each goes where the next one costs the least."""
        machines = [host(tenant("low", 4), number=n) for n in (1, 2)]
        found = evictions(shape(1), 2, machines)
        self.assertEqual(sum(one.count for one in found), 2)
        mixed = [host(tenant("a", 1), cores=0.5, number=1), host(tenant("b", 4), number=2)]
        self.assertEqual(
            [(one.agent, one.count, names(one.victims)) for one in evictions(shape(2), 2, mixed)],
            [(2, 2, {"b": 4})],
        )

    def test_the_machine_where_the_least_important_leave(self) -> None:
        machines = [
            host(tenant("better", rank=(7, False)), number=1),
            host(tenant("worst", 2, cores=0.5, rank=(1, False)), number=2),
        ]
        self.assertEqual(evictions(shape(1), 1, machines)[0].agent, 2)

    def test_no_more_than_a_machine_may_hold(self) -> None:
        machines = [host(tenant("low", 4), number=n, most=1) for n in (1, 2)]
        found = evictions(shape(1), 9, machines)
        self.assertEqual([(one.agent, one.count) for one in found], [(1, 1), (2, 1)])

    def test_where_there_is_room_nobody_leaves(self) -> None:
        self.assertEqual(evictions(shape(1), 1, [host(tenant(), cores=1)]), ())

    def test_nothing_can_be_done(self) -> None:
        found: tuple[Eviction, ...] = evictions(shape(64), 1, [host(tenant())])
        self.assertEqual(found, ())
