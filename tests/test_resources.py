"""Resources add up, fit or lack, and sizes read as people write them."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.types_pb2 import Port, Resource, Volume
from galaxy.resources import (
    NOTHING,
    Free,
    Lack,
    ResourceError,
    Resources,
    add,
    fits,
    format_cores,
    format_size,
    from_message,
    left,
    parse_size,
    room_for,
    shortfall,
    subtract,
    take,
    times,
    to_message,
    total_of,
)

GIB = 1 << 30

amounts = st.builds(
    Resources,
    millicores=st.integers(0, 100_000),
    memory_bytes=st.integers(0, 1 << 40),
    ports=st.frozensets(st.integers(1, 30), max_size=4),
    dynamic_ports=st.integers(0, 5),
    disk_bytes=st.integers(0, 1 << 40),
    ssd_bytes=st.sampled_from([0, 1, GIB]),
)
frees = st.builds(
    Free,
    millicores=st.integers(0, 100_000),
    memory_bytes=st.integers(0, 1 << 40),
    taken_ports=st.frozensets(st.integers(1, 30), max_size=4),
    dynamic_ports=st.none() | st.integers(0, 20),
    disk_bytes=st.integers(0, 1 << 40),
    ssd_bytes=st.sampled_from([0, GIB, 3 * GIB]),
)


class AlgebraLaws(SynchronousTestCase):
    """Safety: nothing is lost, nothing is made up, nothing falls below zero."""

    @given(amounts, amounts)
    @settings(deadline=None)
    def test_subtract_undoes_add(self, first: Resources, second: Resources) -> None:
        if first.ports & second.ports:
            self.assertRaises(ResourceError, add, first, second)
        else:
            self.assertEqual(subtract(add(first, second), second), first)
            self.assertEqual(add(first, second), add(second, first))

    @given(amounts, amounts)
    @settings(deadline=None)
    def test_subtract_never_falls_below_zero(self, whole: Resources, part: Resources) -> None:
        try:
            rest = subtract(whole, part)
        except ResourceError:
            self.assertTrue(
                shortfall(left(whole, NOTHING), part)
                or part.ports - whole.ports
                or part.dynamic_ports > whole.dynamic_ports
            )
        else:
            self.assertGreaterEqual(min(rest.millicores, rest.memory_bytes, rest.dynamic_ports), 0)
            self.assertEqual(add(rest, part), whole)

    @given(frees, amounts)
    @settings(deadline=None)
    def test_what_fits_can_be_taken_and_what_does_not_cannot(
        self, free: Free, asked: Resources
    ) -> None:
        if fits(free, asked):
            after = take(free, asked)
            self.assertEqual(after.millicores, free.millicores - asked.millicores)
            self.assertTrue(asked.ports <= after.taken_ports)
        else:
            self.assertRaises(ResourceError, take, free, asked)

    @given(frees, amounts, st.integers(0, 50))
    @settings(deadline=None)
    def test_room_is_how_often_it_can_be_taken(
        self, free: Free, asked: Resources, most: int
    ) -> None:
        room = room_for(free, asked, most)
        taken = 0
        while taken < most and fits(free, asked):
            free = take(free, asked)
            taken += 1
        self.assertEqual(room, taken)

    @given(amounts, st.integers(0, 5))
    @settings(deadline=None)
    def test_times_is_repeated_addition(self, amount: Resources, count: int) -> None:
        if amount.ports and count > 1:
            self.assertRaises(ResourceError, times, amount, count)
        else:
            self.assertEqual(times(amount, count), total_of([amount] * count))

    @given(amounts)
    @settings(deadline=None)
    def test_messages_keep_what_is_accounted_for(self, amount: Resources) -> None:
        self.assertEqual(from_message(to_message(amount)), amount)


class AlgebraTests(SynchronousTestCase):
    """What the errors and lacks say."""

    def test_a_port_in_both_is_named(self) -> None:
        web = Resources(ports=frozenset({80}))
        error = self.assertRaises(ResourceError, add, web, web)
        self.assertEqual(str(error), "port 80 is taken already")

    def test_a_difference_that_cannot_be_names_everything(self) -> None:
        error = self.assertRaises(
            ResourceError, subtract, Resources(100, 5), Resources(200, 6, frozenset({80, 443}), 1)
        )
        self.assertEqual(
            str(error),
            "cannot subtract 200 millicores from 100, 6 bytes of memory from 5,"
            " ports 80, 443 are not there, 1 dynamic ports from 0",
        )

    def test_shortfall_says_what_and_how_much(self) -> None:
        free = Free(500, GIB, frozenset({8080}), 1, 60 * GIB)
        asked = Resources(2000, 3 * GIB, frozenset({80, 8080}), 2, 100 * GIB, GIB)
        lacks = shortfall(free, asked)
        self.assertEqual(
            lacks,
            (
                Lack("cpu", 1500),
                Lack("memory", 2 * GIB),
                Lack("disk", 40 * GIB),
                Lack("ssd", GIB),
                Lack("port 8080", 1),
                Lack("dynamic ports", 1),
            ),
        )
        self.assertEqual(
            [str(lack) for lack in lacks],
            [
                "lacks 1.5 cores",
                "lacks 2.0 GiB of memory",
                "lacks 40.0 GiB of disk",
                "lacks 1.0 GiB of ssd",
                "has port 8080 taken",
                "lacks 1 dynamic ports",
            ],
        )

    def test_dynamic_ports_fit_where_their_number_is_not_known(self) -> None:
        self.assertTrue(fits(Free(0, 0), Resources(dynamic_ports=1000)))

    def test_a_machine_that_came_back_smaller_has_nothing_left(self) -> None:
        self.assertEqual(left(Resources(1000, 10), Resources(2000, 4)), Free(0, 6))

    def test_a_port_leaves_room_for_one(self) -> None:
        self.assertEqual(room_for(Free(9000, 0), Resources(1000, ports=frozenset({80})), 5), 1)

    def test_messages_tell_all_volumes_of_a_kind_together(self) -> None:
        volumes = [Volume(quota=2, path="/data"), Volume(quota=3, path="/more")]
        message = Resource(disks=volumes, ssds=volumes[:1])
        self.assertEqual(from_message(message), Resources(disk_bytes=5, ssd_bytes=2))

    def test_messages_tell_dynamic_ports_from_fixed_ones(self) -> None:
        message = Resource(
            millicores=100,
            memory=GIB,
            ports=[Port(name="http", port=80), Port(name="debug", dynamic=True)],
        )
        self.assertEqual(from_message(message), Resources(100, GIB, frozenset({80}), 1))


class SizeTests(SynchronousTestCase):
    """Sizes in job files and on command lines."""

    def test_what_is_a_size(self) -> None:
        for text, expected in (
            (0, 0),
            (1048576, 1 << 20),
            ("1048576", 1 << 20),
            ("2G", 2 * GIB),
            ("2g", 2 * GIB),
            ("2GB", 2 * GIB),
            ("2Gi", 2 * GIB),
            ("2gIb", 2 * GIB),
            ("1.5GiB", 3 * GIB // 2),
            ("0.5K", 512),
            ("1P", 1 << 50),
            ("3T", 3 << 40),
            ("0.0001K", 0),
        ):
            self.assertEqual(parse_size(text), expected, text)

    def test_what_is_not(self) -> None:
        for text in ("", "G", "2 G", " 2G", "2E", "2Z", "-1", "-1G", "1e9", "2BG", "2B", "2GBB"):
            error = self.assertRaises(ValueError, parse_size, text)
            self.assertIn("is not a size", str(error))
        odds: tuple[Any, ...] = (
            -1,
            True,
            1.5,
            None,
            [],
            1 << 63,
            "9999999999P",
            "٣G",
            "9" * 5000,
            "1.G",
        )
        for odd in odds:
            error = self.assertRaises(ValueError, parse_size, odd)
            self.assertIn("is not a size", str(error))
            self.assertLess(len(str(error)), 200)

    @given(st.integers(0, 8191), st.sampled_from("KMGTP"))
    @settings(deadline=None)
    def test_any_case_and_suffix_means_the_same(self, number: int, letter: str) -> None:
        sizes = {
            parse_size(f"{number}{form}")
            for unit in (letter, letter + "i", letter + "B", letter + "iB")
            for form in (unit, unit.lower(), unit.upper())
        }
        self.assertEqual(len(sizes), 1)

    def test_sizes_for_people(self) -> None:
        for size, expected in (
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (2 * GIB, "2.0 GiB"),
            (3 * GIB // 2, "1.5 GiB"),
            ((1 << 40) - 1, "1.0 TiB"),
            (5 << 50, "5.0 PiB"),
        ):
            self.assertEqual(format_size(size), expected)

    def test_cores_for_people(self) -> None:
        self.assertEqual(format_cores(250), "250 millicores")
        self.assertEqual(format_cores(1000), "1 core")
        self.assertEqual(format_cores(1500), "1.5 cores")
