"""What two ends of different releases make of each other's hello."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.greeting import (
    LEAST_VERSION,
    PROTOCOL_VERSION,
    discord,
    inability,
    introduction,
)
from galaxy.protocol.wire_pb2 import Hello

VERSIONS = st.integers(min_value=1, max_value=9)


def speaks(newest: int, least: int = 0) -> Hello:
    """The hello of one that speaks these."""
    return Hello(
        role="agent", name="a:1", build="3.0", protocol_version=newest, least_version=least
    )


class VersionTests(SynchronousTestCase):
    """Versions of the protocol: a range at each end."""

    def test_next_to_one_another(self) -> None:
        """A release that still speaks the version before talks with that."""
        self.assertEqual(discord(speaks(4, 3), speaks(3, 3)), "")
        self.assertEqual(discord(speaks(3, 3), speaks(4, 3)), "")

    def test_sentences(self) -> None:
        """Each end says which of the two is to be upgraded, and that is the same one."""
        self.assertEqual(
            discord(speaks(5, 4), speaks(3, 2)),
            "protocol version 4 to 5 is spoken here, not 3: agent a:1 is too old, upgrade it",
        )
        self.assertEqual(
            discord(speaks(3, 2), speaks(5, 4)),
            "protocol version 2 to 3 is spoken here, not 4:"
            " this agent a:1 is too old for it, upgrade this",
        )

    @settings(deadline=None)
    @given(VERSIONS, VERSIONS, VERSIONS, VERSIONS)
    def test_both_think_alike(self, a: int, b: int, c: int, d: int) -> None:
        """They talk if and only if there is a version that both speak; safety."""
        one, other = speaks(max(a, b), min(a, b)), speaks(max(c, d), min(c, d))
        common = set(range(min(a, b), max(a, b) + 1)) & set(range(min(c, d), max(c, d) + 1))
        self.assertEqual(not discord(one, other), bool(common))
        self.assertEqual(not discord(other, one), bool(common))

    def test_own(self) -> None:
        """This build talks with itself, and says what it serves."""
        mine = introduction(Hello(role="agent"), ["Agent.Query", "Agent.KillPods"])
        self.assertEqual(discord(mine, mine), "")
        self.assertEqual((mine.protocol_version, mine.least_version),
                         (PROTOCOL_VERSION, LEAST_VERSION))  # fmt: skip
        self.assertEqual(list(mine.methods), ["Agent.KillPods", "Agent.Query"])

    def test_no_least_version(self) -> None:
        """Builds before there were ranges speak one version."""
        self.assertEqual(discord(speaks(3, 3), speaks(3)), "")
        self.assertIn("too old", discord(speaks(4, 4), speaks(3)))


class InabilityTests(SynchronousTestCase):
    """What people are told of a method that is not there."""

    def test_earlier_release(self) -> None:
        """Who it is, of which build, and what to do."""
        peer = Hello(role="agent", name="a:1", build="2.9", methods=["Console.Exec"])
        for each in (peer, Hello(role="agent", name="a:1", build="2.9")):
            self.assertEqual(
                inability(each, "Console.ReadFile"),
                "agent a:1, of build 2.9, cannot do Console.ReadFile yet: upgrade it",
            )

    def test_another_daemon(self) -> None:
        """An upgrade would not help."""
        peer = Hello(role="agent", name="a:1", methods=["Agent.Query"])
        said = inability(peer, "Master.GetStatus")
        self.assertEqual(said, "agent a:1 is not one to ask for Master.GetStatus")
        self.assertIn("of build unknown", inability(Hello(), "Master.GetStatus"))
