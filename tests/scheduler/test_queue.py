"""The queue: priority, then the user with the least, then the job with the least."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.scheduler.groups import Group, Holding
from galaxy.scheduler.queue import CHUNK_SHARE, Queue
from tests.scheduler.fleets import agent, fleet_of, group


def order(
    groups: list[Group], *, cores: int = 10, refuse: str = "", holdings: tuple[Holding, ...] = ()
) -> list[str]:
    """The jobs' names, once for each pod, as their turns come."""
    queue = Queue(fleet_of(agent(1, cores=cores, gib=1000)), groups, holdings)
    names: list[str] = []
    while (turn := queue.next(10_000)) is not None:
        name = turn.entry.group.job_id
        placed = 0 if name == refuse else turn.count
        names.extend([name] * max(1, placed))
        queue.settle(turn, placed)
    return names


class QueueTests(SynchronousTestCase):
    """Whose turn it is."""

    def test_priority_comes_first(self) -> None:
        low, high = group("low", 2, priority=1), group("high", 2, priority=9, user="bob")
        self.assertEqual(order([low, high]), ["high", "high", "low", "low"])

    def test_users_take_turns(self) -> None:
        ann, bob = group("a", 3, user="ann"), group("b", 3, user="bob")
        self.assertEqual(order([ann, bob]), ["a", "b", "a", "b", "a", "b"])

    def test_many_jobs_do_not_make_a_user_more(self) -> None:
        groups = [group(f"a{n}", 1, user="ann") for n in range(4)] + [group("b", 4, user="bob")]
        self.assertEqual(order(groups), ["a0", "b", "a1", "b", "a2", "b", "a3", "b"])

    def test_jobs_of_a_user_take_turns(self) -> None:
        self.assertEqual(order([group("x", 2), group("y", 2)]), ["x", "y", "x", "y"])

    def test_a_share_is_of_the_dominant_resource(self) -> None:
        """Two cores of ten weigh as much as two turns with one."""
        ann, bob = group("a", 2, cores=2, user="ann"), group("b", 4, cores=1, user="bob")
        self.assertEqual(order([ann, bob]), ["a", "b", "b", "a", "b", "b"])

    def test_what_runs_already_counts(self) -> None:
        ann, bob = group("a", 2, user="ann", running=2), group("b", 3, user="bob")
        self.assertEqual(order([ann, bob]), ["b", "b", "a", "b", "a"])

    def test_what_a_users_other_jobs_have_counts(self) -> None:
        """Though they wait for nothing; and nothing is counted twice."""
        ann, bob = group("a", 2, user="ann", running=1), group("b", 3, user="bob")
        has = (Holding("ann", 2000, 2048), Holding("bob", 0, 0))
        self.assertEqual(order([ann, bob], holdings=has), ["b", "b", "a", "b", "a"])

    def test_who_waits_longer_goes_first_among_equals(self) -> None:
        self.assertEqual(order([group("x", since=5), group("y", since=3)]), ["y", "x"])

    def test_a_group_without_a_place_leaves_at_once(self) -> None:
        """Liveness: nobody waits behind those that do not fit."""
        groups = [group("big", 1000, user="ann"), group("a", 1, user="ann"), group("b", 1)]
        self.assertEqual(order(groups, refuse="big").count("big"), 1)

    def test_a_large_fleet_deals_in_chunks(self) -> None:
        """Big groups stay big: a turn is a hundredth of the fleet."""
        fleet = fleet_of(agent(1, cores=100_000, gib=1_000_000))
        queue = Queue(fleet, [group("a", 5000, user="ann"), group("b", 5000, user="bob")])
        turn = queue.next(10_000)
        assert turn is not None
        self.assertLessEqual(abs(turn.count - 100_000 * CHUNK_SHARE), 1)

    def test_who_is_alone_gets_all_at_once(self) -> None:
        queue = Queue(fleet_of(agent(1)), [group("a", 5000), group("b", 70, priority=-1)])
        for expected in (5000, 70):
            turn = queue.next(10_000)
            assert turn is not None
            self.assertEqual(turn.count, expected)
            queue.settle(turn, expected)

    def test_nothing_is_asked_of_an_empty_fleet_for_ever(self) -> None:
        queue = Queue(fleet_of(), [group("a", 5, cores=0, gib=0), group("b", 0)])
        turn = queue.next(10_000)
        assert turn is not None
        self.assertEqual(turn.count, 5)
        queue.settle(turn, 0)
        self.assertIsNone(queue.next(10_000))
