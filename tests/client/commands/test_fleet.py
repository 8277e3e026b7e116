"""`label`, `offline`, `online`, `enter safemode`, `leave safemode`."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import (
    AgentOverview,
    LabelAgentsRequest,
    LabelAgentsResponse,
    ListAgentsResponse,
    OfflineAgentRequest,
    OfflineAgentResponse,
    OnlineAgentRequest,
    OnlineAgentResponse,
    SwitchSafeModeRequest,
    SwitchSafeModeResponse,
    kLabelRemove,
    kLabelSet,
)
from tests.client.memory import MemoryCluster, in_turn, refuse


def draining(pods: int, state: pb.AgentState = pb.kOffline) -> ListAgentsResponse:
    """The fleet while a:1 is drained."""
    return ListAgentsResponse(
        agents=[
            AgentOverview(endpoint="b:1", state=pb.kAlive, pods=9),
            AgentOverview(endpoint="a:1", state=state, pods=pods),
        ]
    )


class LabelTests(SynchronousTestCase):
    """Which agents carry a label."""

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.file = directory / "agents"
        self.cluster = MemoryCluster.with_master(label_agents=in_turn(LabelAgentsResponse()))

    def asked(self) -> list[tuple[str, object]]:
        """What the master was asked."""
        return list(self.cluster.peers["m:1"].asked)

    def test_a_file_names_them(self) -> None:
        """Galaxy 2 read a file only if it ended with a newline (§12.6, 29)."""
        self.file.write_text("a:1\nb:1")
        result = self.cluster.run("label", "-l", "ssd", "-f", str(self.file))
        self.assertEqual(result.exit_code, 0, result.output)
        request = LabelAgentsRequest(label="ssd", change=kLabelSet, endpoints=["a:1", "b:1"])
        self.assertEqual(self.asked(), [("label_agents", request)])

    def test_a_missing_or_empty_file_is_three_and_nobody_is_asked(self) -> None:
        """Safety: in Galaxy 2 it took the label from every agent (§12.6, 29)."""
        for text in (None, "", "# nobody\n", "not an address\n"):
            for remove in ((), ("--remove",)):
                with self.subTest(text=text, remove=remove):
                    if text is not None:
                        self.file.write_text(text)
                    result = self.cluster.run("label", "-l", "ssd", "-f", str(self.file), *remove)
                    self.assertEqual((result.exit_code, self.asked()), (3, []))

    def test_the_command_names_them(self) -> None:
        request = LabelAgentsRequest(label="ssd", change=kLabelSet, endpoints=["a:1", "b:1"])
        for words in ("-e a:1 -e b:1", "-e a:1 b:1"):
            with self.subTest(words=words):
                result = self.cluster.run("label", "-l", "ssd", *words.split())
                self.assertEqual(result.stdout, "label ssd is on a:1, b:1 and nowhere else\n")
                self.assertEqual(self.asked()[-1], ("label_agents", request))

    def test_remove(self) -> None:
        cases = [
            ((), [], "label ssd is on no agent\n"),
            (("-e", "a:1"), ["a:1"], "label ssd is no more on a:1\n"),
        ]
        for words, endpoints, text in cases:
            result = self.cluster.run("label", "-l", "ssd", "--remove", *words)
            self.assertEqual(result.stdout, text)
            request = LabelAgentsRequest(label="ssd", change=kLabelRemove, endpoints=endpoints)
            self.assertEqual(self.asked()[-1], ("label_agents", request))

    def test_naming_nobody_is_two(self) -> None:
        for words in ("-l ssd", "-e a:1", "-l ssd a:1", "-l ssd -f x -e a:1"):
            with self.subTest(words=words):
                result = self.cluster.run("label", *words.split())
                self.assertEqual((result.exit_code, self.asked()), (2, []))

    def test_a_refusal_is_four(self) -> None:
        cluster = MemoryCluster.with_master(label_agents=refuse(pb.kLabelAgentFail, "no label"))
        self.assertEqual(cluster.run("label", "-l", "a b", "-e", "a:1").exit_code, 4)


class DrainTests(SynchronousTestCase):
    """`offline` and `online`."""

    def cluster(self, *fleet: ListAgentsResponse) -> MemoryCluster:
        """A master whose fleet is like this, one after the other."""
        return MemoryCluster.with_master(
            offline_agent=in_turn(OfflineAgentResponse()),
            online_agent=in_turn(OnlineAgentResponse()),
            list_agents=in_turn(*fleet),
        )

    def test_requests_and_sentences(self) -> None:
        for word, request in (
            ("offline", OfflineAgentRequest(endpoint="a:1")),
            ("online", OnlineAgentRequest(endpoint="a:1")),
        ):
            cluster = self.cluster()
            result = cluster.run(word, "-e", "a:1")
            self.assertEqual(result.stdout, f"{word} agent a:1 successfully\n")
            self.assertEqual(cluster.peers["m:1"].asked, [(f"{word}_agent", request)])
            self.assertEqual(cluster.run(word).exit_code, 2)

    def test_wait_shows_progress_until_nothing_is_left(self) -> None:
        cluster = self.cluster(draining(3), draining(3), draining(1), draining(0))
        result = cluster.run("offline", "-e", "a:1", "--wait")
        self.assertEqual(result.exit_code, 0)
        self.assertEqual(
            result.stderr.splitlines(),
            ["a:1: draining: 3 left", "a:1: draining: 1 left", "a:1 is drained"],
        )

    def test_wait_in_vain_is_nine(self) -> None:
        result = self.cluster(draining(3)).run("offline", "-e", "a:1", "--wait", "--timeout", "7")
        self.assertEqual(result.exit_code, 9)
        self.assertIn("3 left", result.stderr)

    def test_somebody_else_brought_it_back(self) -> None:
        """Liveness: nobody waits for a drain that was called off."""
        cluster = self.cluster(draining(3), draining(2, pb.kAlive))
        result = cluster.run("offline", "-e", "a:1", "--wait")
        self.assertEqual(result.exit_code, 1)
        self.assertIn("online again", result.stderr)

    def test_an_unknown_agent_is_five(self) -> None:
        cluster = MemoryCluster.with_master(
            offline_agent=refuse(pb.kAgentNotFound, "there is no agent a:1")
        )
        self.assertEqual(cluster.run("offline", "-e", "a:1", "--wait").exit_code, 5)


class SafeModeTests(SynchronousTestCase):
    """`enter safemode`, `leave safemode`."""

    def test_both_ways(self) -> None:
        for word, enter in (("enter", True), ("leave", False)):
            cluster = MemoryCluster.with_master(switch_safe_mode=in_turn(SwitchSafeModeResponse()))
            result = cluster.run(word, "safemode", "-o", "json")
            self.assertEqual(json.loads(result.stdout), {"mode": "safemode", "safe_mode": enter})
            request = SwitchSafeModeRequest(enter=enter)
            self.assertEqual(cluster.peers["m:1"].asked, [("switch_safe_mode", request)])
            self.assertEqual(
                cluster.run(word, "safemode").stdout, f"successfully {word} safemode\n"
            )

    def test_there_is_no_other_mode(self) -> None:
        self.assertEqual(MemoryCluster.with_master().run("enter", "danger").exit_code, 2)
        self.assertEqual(MemoryCluster.with_master().run("leave").exit_code, 2)
