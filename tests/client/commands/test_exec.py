"""`exec`, `attach`, `fs`: where they go, what they ask, how they end."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.agent_pb2 import (
    ExecItem,
    ExecRequest,
    FileChunk,
    FileEntry,
    ListFilesRequest,
    ListFilesResponse,
    ReadFileRequest,
)
from galaxy.protocol.master_pb2 import PodOverview, ShowPodResponse
from galaxy.protocol.statuses import GalaxyError
from tests.client.memory import Answer, MemoryCluster, MemoryPeer, in_turn, refuse

ENDED = ExecItem(ended=True)


def cluster(*pods: PodOverview, **answers: Answer) -> MemoryCluster:
    """A master that knows these pods (one, on a:1, if none is given), and the agent a:1."""
    known = pods or (PodOverview(pod_id="x_1.0", index=0, endpoint="a:1"),)
    found = MemoryCluster.with_master(show_pod=in_turn(ShowPodResponse(pods=known)))
    found.peers["a:1"] = MemoryPeer(answers)
    return found


class ExecTests(SynchronousTestCase):
    """Commands in tasks."""

    def asked(self, found: MemoryCluster) -> Any:
        """The only request to the agent."""
        ((_, request),) = found.peers["a:1"].asked
        return request

    def test_what_is_asked(self) -> None:
        """The words after -- are the command's, whatever they look like."""
        found = cluster(exec=in_turn([ENDED]))
        result = found.run("exec", "x.0", "1", "--", "ls", "-i", "--", "-t")
        self.assertEqual(result.exit_code, 0, result.output)
        request = self.asked(found)
        self.assertTrue(request.session)
        self.assertEqual(
            request,
            ExecRequest(
                pod_id="x_1.0",
                task="1",
                command=["ls", "-i", "--", "-t"],
                session=request.session,
            ),
        )
        self.assertEqual(found.peers["a:1"].closed, 1)

    def test_no_command(self) -> None:
        """It is a mistake, which says what to write."""
        for words in ("exec x.0", "exec x.0 --", "exec x.0 ls"):
            result = cluster(exec=in_turn([ENDED])).run(*words.split())
            self.assertEqual(result.exit_code, 2)
            self.assertIn("attach", result.stderr)

    def test_output_and_code(self) -> None:
        """stdout and stderr apart; the code is the command's, a signal is 128 and its number."""
        items = [ExecItem(stdout=b"\xff", stderr=b"oh"), ExecItem(stdout=b"\0")]
        for end, code in (
            (ExecItem(ended=True, exit_code=7), 7),
            (ExecItem(ended=True, signal=15), 143),
        ):
            result = cluster(exec=in_turn([*items, end])).run("exec", "x.0", "--", "ls")
            self.assertEqual(
                (result.exit_code, result.stdout_bytes, result.stderr), (code, b"\xff\0", "oh")
            )

    def test_the_agent_dies(self) -> None:
        """The session is over, and says so."""
        items = [ExecItem(stdout=b"x"), GalaxyError(pb.kRpcError, "the connection was lost")]
        result = cluster(exec=in_turn(items)).run("exec", "x.0", "--", "ls")
        self.assertEqual(result.exit_code, 1)
        self.assertIn("the connection was lost", result.stderr)

    def test_refusals(self) -> None:
        """Each with its code: a task that does not run, one that is not there, nobody there."""
        for answer, code in (
            (refuse(pb.kConflict, "task x_1.0.0 does not run"), 4),
            (refuse(pb.kNotFound, "pod x_1.0 has no task '3'"), 5),
            (refuse(pb.kPodNotFound, "pod x_1.0 is not on this machine"), 5),
            (refuse(pb.kAgentError, "cannot"), 1),
        ):
            result = cluster(exec=answer).run("exec", "x.0", "--", "ls")
            self.assertEqual(result.exit_code, code)
        found = cluster()
        del found.peers["a:1"]
        self.assertEqual(found.run("exec", "x.0", "--", "ls").exit_code, 7)

    def test_which_pod(self) -> None:
        """One that is not placed, one that is not there, and a job that has several."""
        waits = PodOverview(pod_id="x_1.0", stage=pb.kStagePending, reason="no room")
        result = cluster(waits).run("exec", "x.0", "--", "ls")
        self.assertEqual(result.exit_code, 4)
        self.assertIn("it is Pending: no room", result.stderr)
        self.assertEqual(cluster().run("exec", "x.7", "--", "ls").exit_code, 5)
        found = cluster(exec=in_turn([ENDED]))
        self.assertEqual(found.run("exec", "x", "--", "ls").exit_code, 0)
        two = [PodOverview(index=index, endpoint="a:1") for index in range(2)]
        result = cluster(*two).run("exec", "x", "--", "ls")
        self.assertEqual(result.exit_code, 5)
        self.assertIn("x has 2 pods", result.stderr)

    def test_a_terminal_without_stdin(self) -> None:
        """It has the caller's TERM."""
        found = cluster(exec=in_turn([ENDED]))
        result = found.run("exec", "-t", "x.0", "--", "top", TERM="screen")
        self.assertEqual(result.exit_code, 0, result.output)
        request = self.asked(found)
        self.assertEqual(
            (request.terminal, request.interactive, request.term), (True, False, "screen")
        )


class FileTests(SynchronousTestCase):
    """Files of pods."""

    def test_list(self) -> None:
        """Pages become one list, by name; odd bytes are escaped."""
        pages = [
            ListFilesResponse(
                entries=[
                    FileEntry(name=b"z\x1b[2J\xff", kind="file", size=5, mode=0o640, owner="ann"),
                    FileEntry(name=b"link", kind="link", mode=0o777, target=b"z"),
                ]
            ),
            ListFilesResponse(entries=[FileEntry(name=b"d", kind="directory", mode=0o755)]),
        ]
        found = cluster(list_files=in_turn(pages))
        result = found.run("fs", "ls", "x.0", "0/sub", "-o", "json")
        self.assertEqual(result.exit_code, 0, result.output)
        rows = json.loads(result.stdout)
        self.assertEqual([row["name"] for row in rows], ["d", "link", "z\\x1b[2J\\xff"])
        self.assertEqual((rows[2]["mode"], rows[2]["size"], rows[2]["owner"]), ("0640", 5, "ann"))
        ((_, request),) = found.peers["a:1"].asked
        self.assertEqual(request, ListFilesRequest(pod_id="x_1.0", path=b"0/sub"))
        text = cluster(list_files=in_turn(pages)).run("fs", "ls", "x.0").stdout
        self.assertNotIn("\x1b", text)
        self.assertIn("-rw-r-----", text)
        self.assertIn("link -> z", text)
        self.assertIn("drwxr-xr-x", text)

    def test_a_huge_directory(self) -> None:
        """What is left out is said."""
        page = ListFilesResponse(entries=[FileEntry(name=b"%d" % n) for n in range(10)])
        found = cluster(list_files=in_turn([page, page, page]))
        result = found.run("fs", "ls", "x.0", "--limit", "15", "-o", "name")
        self.assertEqual(len(result.stdout.splitlines()), 15)
        self.assertIn("more than these 15", result.stderr)

    def test_cat(self) -> None:
        """As it is; a failure in the middle is one."""
        chunks = [FileChunk(data=b"\xff\0"), FileChunk(data=b"x")]
        found = cluster(read_file=in_turn(chunks))
        result = found.run("fs", "cat", "x.0", "0/core")
        self.assertEqual((result.exit_code, result.stdout_bytes), (0, b"\xff\0x"))
        ((_, request),) = found.peers["a:1"].asked
        self.assertEqual(request, ReadFileRequest(pod_id="x_1.0", path=b"0/core"))
        broken = [*chunks, GalaxyError(pb.kRpcError, "gone")]
        result = cluster(read_file=in_turn(broken)).run("fs", "cat", "x.0", "0/core")
        self.assertEqual(result.exit_code, 7)

    def test_a_pod_that_is_gone(self) -> None:
        """Where it was last; of several pods one is to be named, and of none there is nothing."""
        dead = PodOverview(pod_id="x_1.0", endpoint="a:1", dead=True, incarnation=2)
        found = cluster(
            PodOverview(pod_id="x_1.0", endpoint="b:1", dead=True, incarnation=1),
            dead,
            PodOverview(pod_id="x_1.0", stage=pb.kStagePending),
            read_file=in_turn([FileChunk(data=b"x")]),
        )
        result = found.run("fs", "cat", "x.0", "0/core")
        self.assertEqual((result.exit_code, result.stdout), (0, "x"))
        other = PodOverview(pod_id="x_1.1", index=1, endpoint="a:1")
        result = cluster(dead, other).run("fs", "ls", "x")
        self.assertEqual(result.exit_code, 5)
        self.assertIn("x has 2 pods: name one, like x_1.0", result.stderr)
        result = cluster(PodOverview(pod_id="x_1.0")).run("fs", "ls", "x")
        self.assertEqual(result.exit_code, 5)

    def test_an_agent_that_is_away_is_named_with_where_to_look(self) -> None:
        for words in ("exec x.0 -- ls", "fs ls x.0", "logs x.0"):
            with self.subTest(words=words):
                away = cluster(PodOverview(pod_id="x_1.0", endpoint="b:1"))
                result = away.run(*words.split())
                self.assertEqual(result.exit_code, 7)
                self.assertIn("no agent answers at b:1: Connection refused", result.stderr)
                self.assertIn("`galaxy agents`", result.stderr)

    def test_a_pod_that_the_master_has_forgotten(self) -> None:
        """Its agent is asked directly, if it is named."""
        found = MemoryCluster.with_master()
        found.peers["a:1"] = MemoryPeer({"read_file": in_turn([FileChunk(data=b"x")])})
        result = found.run("fs", "cat", "-e", "a:1", "x_1.0", "0.stdout")
        self.assertEqual((result.exit_code, result.stdout), (0, "x"))
