"""What of the machine is granted, and what is refused."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.accounting import Accounts, Before, Grant, Shortage
from galaxy.agent.ports import PortRange
from galaxy.agent.records import PodKey
from galaxy.agent.storage.disks import Disk, together
from galaxy.protocol.types_pb2 import Port, Resource, Volume

MIB = 1 << 20


def key(index: int) -> PodKey:
    """A pod."""
    return PodKey("web_1", index, 1)


def volumes(*mebibytes: int) -> list[Volume]:
    """Volumes of these sizes: /v0, /v1, ..."""
    return [Volume(quota=size * MIB, path=f"/v{n}") for n, size in enumerate(mebibytes)]


ports = st.builds(
    lambda number: Port(dynamic=True) if number == 0 else Port(port=number),
    st.sampled_from([0, 20000, 20001, 8080]),
)
requirements = st.builds(
    lambda millicores, memory, asked, sizes: Resource(
        millicores=millicores,
        memory=memory,
        ports={
            (port.port, n if port.dynamic else 0): port for n, port in enumerate(asked)
        }.values(),
        disks=volumes(*sizes),
    ),
    st.integers(1, 900),
    st.integers(1, 900),
    st.lists(ports, max_size=4),
    st.lists(st.integers(1, 80), max_size=3),
)
DISKS = (Disk("/a", 100 * MIB), Disk("/b", 60 * MIB))
moves = st.lists(st.tuples(st.integers(0, 5), st.none() | requirements), max_size=30)


class LawTests(SynchronousTestCase):
    """Laws, over any order of asking and giving back."""

    @settings(deadline=None)
    @given(moves)
    def test_never_over(self, asked: list[tuple[int, Resource | None]]) -> None:
        """Safety: the grants never exceed the machine, and no port is held twice."""
        accounts = Accounts(2000, 2000, PortRange(20000, 20003), DISKS)
        for index, requirement in asked:
            if requirement is None:
                accounts.release(key(index))
            elif key(index) not in accounts.grants:
                accounts.reserve(key(index), requirement)
            grants = accounts.grants.values()
            self.assertLessEqual(sum(grant.millicores for grant in grants), 2000)
            self.assertLessEqual(sum(grant.memory_bytes for grant in grants), 2000)
            held = [number for grant in grants for _name, number in grant.ports]
            self.assertEqual(len(held), len(set(held)))
            on_disks = together(part for grant in grants for part in grant.disks)
            self.assertTrue(all(on_disks.get(d.path, 0) <= d.size_bytes for d in DISKS))

    @settings(deadline=None)
    @given(moves, requirements)
    def test_all_comes_back(self, asked: list[tuple[int, Resource | None]], last: Resource) -> None:
        """Safety: after all is given back, the machine is as it was."""
        accounts = Accounts(2000, 2000, PortRange(20000, 20009), DISKS)
        for index, requirement in asked:
            if requirement is not None and key(index) not in accounts.grants:
                accounts.reserve(key(index), requirement)
        for index in range(6):
            accounts.release(key(index))
        fresh = Accounts(2000, 2000, PortRange(20000, 20009), DISKS)
        anew = fresh.reserve(key(0), last)
        self.assertIs(type(accounts.reserve(key(0), last)), type(anew))

    @settings(deadline=None)
    @given(requirements)
    def test_a_refusal_takes_nothing(self, asked: Resource) -> None:
        """Safety: whoever is refused holds nothing."""
        accounts = Accounts(10, 10, PortRange(20000, 20000))
        before = dict(accounts.grants)
        if isinstance(accounts.reserve(key(0), asked), Shortage):
            self.assertEqual(accounts.grants, before)


class SentenceTests(SynchronousTestCase):
    """Refusals name the numbers."""

    def refusal(self, accounts: Accounts, asked: Resource) -> str:
        """The reason of a refusal."""
        verdict = accounts.reserve(key(9), asked)
        assert isinstance(verdict, Shortage)
        return verdict.reason

    def test_amounts(self) -> None:
        """Processor time and memory, what is asked and what is free, both at once."""
        accounts = Accounts(2000, 1024 * MIB)
        accounts.reserve(key(0), Resource(millicores=800, memory=512 * MIB))
        reason = self.refusal(accounts, Resource(millicores=3000, memory=600 * MIB))
        self.assertIn("asks 3000 millicores, 1200 of 2000 are free", reason)
        self.assertIn("asks 600.0 MiB of memory, 512.0 MiB of 1.0 GiB are free", reason)

    def test_ports(self) -> None:
        """A port is named with who holds it; dynamic ones are counted."""
        accounts = Accounts(2000, 1024 * MIB, PortRange(20000, 20001))
        accounts.reserve(key(3), Resource(ports=[Port(port=20000)]))
        self.assertIn(
            "port 20000 is held by pod web_1.3",
            self.refusal(accounts, Resource(ports=[Port(port=20000)])),
        )
        two = Resource(ports=[Port(dynamic=True), Port(dynamic=True)])
        self.assertIn("asks 2 dynamic ports, 1 of the 2", self.refusal(accounts, two))

    def test_disks(self) -> None:
        """A volume lies on one disk; what is asked, where there is most room, and how much."""
        disks = (Disk("/a", 100 * MIB), Disk("/b", 60 * MIB))
        accounts = Accounts(2000, 1024 * MIB, disks=disks)
        grant = accounts.reserve(key(0), Resource(disks=volumes(50, 60, 40)))
        assert isinstance(grant, Grant)
        self.assertEqual(grant.disks, (("/b", 50 * MIB), ("/a", 60 * MIB), ("/a", 40 * MIB)))
        self.assertEqual(
            self.refusal(accounts, Resource(disks=volumes(11))),
            "asks 11.0 MiB of disk for /v0, 10.0 MiB are free on /b",
        )
        self.assertIn(
            "asks 1.0 MiB of ssd for /v0, 0 B are free on none",
            self.refusal(accounts, Resource(ssds=volumes(1))),
        )
        accounts.release(key(0))
        self.assertIsInstance(accounts.reserve(key(1), Resource(disks=volumes(60, 90))), Grant)

    def test_a_volume_stays_where_it_is(self) -> None:
        """Also when another disk has more room; where it has grown too large, it is refused."""
        disks = (Disk("/a", 100 * MIB), Disk("/b", 60 * MIB))
        accounts = Accounts(2000, 1024 * MIB, disks=disks)
        before = Before(disks={("disk", "/v0"): "/b"})
        grant = accounts.reserve(key(0), Resource(disks=volumes(50)), before)
        assert isinstance(grant, Grant)
        self.assertEqual(grant.disks, (("/b", 50 * MIB),))
        verdict = accounts.reserve(key(1), Resource(disks=volumes(50)), before)
        assert isinstance(verdict, Shortage)
        self.assertIn("10.0 MiB are free on /b", verdict.reason)

    def test_ports_of_others(self) -> None:
        """
        A port that somebody has who is no pod is not handed out, and one that was asked
        for by number is refused with it; Galaxy 2 found out by its crash.
        """
        accounts = Accounts(2000, 1024, PortRange(20000, 20002), foreign=(20000, 80).__contains__)
        self.assertIn(
            "port 80 is in use on this machine, by no pod of Galaxy",
            self.refusal(accounts, Resource(ports=[Port(port=80)])),
        )
        two = Resource(ports=[Port(dynamic=True), Port(dynamic=True)])
        grant = accounts.reserve(key(0), two)
        assert isinstance(grant, Grant)
        self.assertEqual([number for _name, number in grant.ports], [20001, 20002])
        self.assertIn(
            "asks 1 dynamic ports, 0 of the 3",
            self.refusal(accounts, Resource(ports=[Port(dynamic=True)])),
        )

    def test_foreign_ports_are_told(self) -> None:
        """So that nobody sends the pod again before the port is free."""
        others = {80}
        accounts = Accounts(2000, 1024, foreign=others.__contains__)
        asked = Resource(ports=[Port(port=80), Port(port=81)])
        self.refusal(accounts, asked)
        accounts.look_again()
        self.assertEqual(accounts.foreign_ports, {80})
        others.clear()
        accounts.look_again()
        self.assertEqual(accounts.foreign_ports, frozenset())
        self.assertIsInstance(accounts.reserve(key(0), asked), Grant)

    def test_a_port_of_its_own_slot(self) -> None:
        """What the attempt before listens on is no obstacle to the next."""
        accounts = Accounts(2000, 1024, foreign=(80).__eq__)
        before = Before(held=frozenset({80}))
        self.assertIsInstance(
            accounts.reserve(key(0), Resource(ports=[Port(port=80)]), before), Grant
        )

    def test_returned_last_given_last(self) -> None:
        """A port rests for as long as there are others."""
        accounts = Accounts(2000, 1024, PortRange(20000, 20003))
        one = Resource(ports=[Port(dynamic=True)])
        for index in range(4):
            accounts.reserve(key(index), one)
        for index in (2, 0, 3):
            accounts.release(key(index))
        given_ports = []
        for index in (4, 5, 6):
            grant = accounts.reserve(key(index), one)
            assert isinstance(grant, Grant)
            given_ports.append(grant.ports[0][1])
        self.assertEqual(given_ports, [20002, 20000, 20003])

    def test_round_the_range(self) -> None:
        """A dynamic port that was just given back is not the next to be given."""
        accounts = Accounts(2000, 1024, PortRange(20000, 20002))
        given_ports = []
        for index in range(4):
            grant = accounts.reserve(key(index), Resource(ports=[Port(name="x", dynamic=True)]))
            assert isinstance(grant, Grant)
            given_ports.append(grant.ports[0][1])
            accounts.release(key(index))
        self.assertEqual(given_ports, [20000, 20001, 20002, 20000])

    def test_shrunk(self) -> None:
        """A machine that came back smaller keeps what it granted, and grants no more."""
        accounts = Accounts(100, 100)
        accounts.restore(key(0), Grant(500, 50))
        reason = self.refusal(accounts, Resource(millicores=1))
        self.assertIn("asks 1 millicores, 0 of 100 are free", reason)

    def test_range(self) -> None:
        """A range is FIRST-LAST; anything else is a ValueError that says so."""
        self.assertEqual(PortRange.parse("20000-29999"), PortRange(20000, 29999))
        for text in ("", "5", "9-1", "0-5", "1-70000", "a-b"):
            with self.assertRaises(ValueError) as caught:
                PortRange.parse(text)
            self.assertIn("FIRST-LAST", str(caught.exception))
