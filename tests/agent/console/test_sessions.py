"""Commands that people run in tasks, on one machine, on a Clock."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred

from galaxy.agent.console.abandoned import GRACE_S
from galaxy.agent.console.memory import MemoryChannel
from galaxy.agent.console.sessions import MOST_INPUT, MOST_SESSIONS
from galaxy.agent.service import LONGEST_WITHOUT_SIGHT_S
from galaxy.gce.memory_machine import Behaviour, usual
from galaxy.gce.record import ProcessId, Spec
from galaxy.protocol.agent_pb2 import ExecItem, ExecRequest, FeedExecRequest
from galaxy.protocol.services import ConsoleStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import (
    Resource,
    TaskDescriptor,
    kAgentError,
    kBusy,
    kConflict,
    kInputError,
    kNotFound,
    kPodNotFound,
)
from galaxy.protocol.wire_pb2 import Hello
from tests.agent.machines import ENDPOINT, JOB, KEY, MAIN, MachineTests, description, run_request

POD = f"{JOB}.0"


def behave(process: ProcessId, spec: Spec) -> Behaviour:
    """A command runs until it is told to end; "stubborn" does not listen."""
    if not process.name.startswith("exec"):
        return usual(process, spec)
    if "nowhere" in spec.command:
        return Behaviour(failed="cannot enter its directory")
    return Behaviour(term_s=None if "stubborn" in spec.command else 0.0)


class Listener:
    """A caller of Exec: what it heard, and how that ended."""

    def __init__(self, console: ConsoleStub, request: ExecRequest, stream: Any = None) -> None:
        self.items: list[ExecItem] = []
        self.error: GalaxyError | None = None
        self.over = False
        self.stream: Any = stream or console.exec(request)
        Deferred.fromCoroutine(self._listen())

    async def _listen(self) -> None:
        try:
            async for item in self.stream:
                self.items.append(item)
        except GalaxyError as error:
            self.error = error
        self.over = True

    def output(self) -> tuple[bytes, bytes]:
        """All of it."""
        return (
            b"".join(item.stdout for item in self.items),
            b"".join(item.stderr for item in self.items),
        )


class SessionTests(MachineTests):
    """One pod that runs, one caller, and another."""

    def setUp(self) -> None:
        super().setUp()
        self.machine.behave = behave
        self.run_one()
        self.peers: list[Any] = []
        self.console = self.dial()
        self.names = 0

    def dial(self) -> ConsoleStub:
        """Another connection."""
        hello = Hello(role="client", name="ann@desk")
        self.peers.append(self.machine.wait(self.machine.network.dial(ENDPOINT, hello)))
        return ConsoleStub(self.peers[-1])

    def exec(self, *command: str, console: ConsoleStub | None = None, **more: Any) -> Listener:
        """Begin a command."""
        self.names += 1
        asked = {"pod_id": POD, "session": f"s{self.names}", **more}
        listener = Listener(console or self.console, ExecRequest(command=command, **asked))
        self.machine.advance(0.1)
        return listener

    def feed(self, **more: Any) -> Deferred[Any]:
        """Feed the latest command."""
        asked = {"session": f"s{self.names}", **more}
        return self.console.feed_exec(FeedExecRequest(**asked))

    @property
    def channel(self) -> MemoryChannel:
        """Of the latest command."""
        return self.machine.channels.opened[-1]

    def running(self) -> list[str]:
        """The names of the commands that run."""
        return [each.name for each in self.machine.gce.running() if each.name.startswith("exec")]

    def end(self, exit_code: int = 0, signal: int = 0) -> None:
        """End the only command that runs."""
        (name,) = self.running()
        self.machine.gce.end(MAIN, name, exit_code=exit_code, signal=signal)
        self.machine.advance(0.2)

    def told(self) -> list[tuple[str, str]]:
        """What the master hears of it."""
        runner = self.machine.agent.runner
        assert runner is not None
        changes = self.machine.query(1, runner.ledger.instance).task_changes
        return [(change.actor, change.reason) for change in changes if change.actor]

    def test_output_and_code(self) -> None:
        """What it writes arrives apart and in order, and then how it ended."""
        heard = self.exec("ls")
        self.channel.say(b"one", b"warning")
        self.machine.advance(0.1)
        self.channel.say(b"two")
        self.machine.advance(0.1)
        self.assertEqual(heard.output(), (b"onetwo", b"warning"))
        self.end(exit_code=3)
        self.assertTrue(heard.over)
        last = heard.items[-1]
        self.assertEqual((last.ended, last.exit_code, last.signal), (True, 3, 0))
        self.assertTrue(self.channel.closed)

    def test_what_was_written_before_the_end_is_heard_before_it(self) -> None:
        """Safety: nothing is lost between the last byte and the end."""
        heard = self.exec("ls")
        (name,) = self.running()
        self.machine.gce.end(MAIN, name)
        self.channel.say(b"last words")
        self.machine.advance(0.2)
        self.assertEqual(heard.output(), (b"last words", b""))
        self.assertTrue(heard.items[-1].ended)

    def test_signal(self) -> None:
        """That it was killed is told as that."""
        heard = self.exec("ls")
        self.end(signal=11)
        self.assertEqual(heard.items[-1].signal, 11)

    def test_events(self) -> None:
        """The master hears who did what, and how it ended; not with which arguments."""
        self.exec("mysql", "-psecret", actor="bob@desk")
        self.end(exit_code=1)
        self.assertEqual(
            self.told(),
            [
                ("bob@desk", "'mysql' with 1 argument was begun in it"),
                ("bob@desk", "'mysql' with 1 argument exited with 1"),
            ],
        )

    def test_who_says_nothing_is_named_by_the_connection(self) -> None:
        """There is always somebody who did it."""
        self.exec("ls")
        self.end()
        self.assertEqual({actor for actor, _ in self.told()}, {"ann@desk"})

    def test_several_at_once(self) -> None:
        """A second session of a pod is as good as the first, and each hears its own."""
        first = self.exec("one")
        one = self.channel
        second = self.exec("two", console=self.dial())
        one.say(b"1")
        self.channel.say(b"2")
        self.machine.advance(0.1)
        self.assertEqual((first.output()[0], second.output()[0]), (b"1", b"2"))
        self.assertEqual(len(set(self.running())), 2)

    def test_the_caller_goes(self) -> None:
        """The command gets SIGTERM, and the task runs on untouched."""
        self.exec("cat", interactive=True)
        self.peers[0].close("gone")
        self.machine.advance(0.5)
        self.assertEqual(self.running(), [])
        self.assertEqual(self.machine.pod().tasks[0].restarts, 0)
        self.assertTrue(self.channel.closed)
        self.assertIn("whoever ran it has gone", self.told()[-1][1])

    def test_the_caller_goes_and_the_command_does_not_listen(self) -> None:
        """It is killed after the grace."""
        self.exec("stubborn")
        self.peers[0].close("gone")
        self.machine.advance(GRACE_S / 2)
        self.assertEqual(len(self.running()), 1)
        self.machine.advance(GRACE_S)
        self.assertEqual(self.running(), [])

    def test_the_caller_wants_no_more(self) -> None:
        """A stream that is closed is as good as a connection that is."""
        heard = self.exec("cat")
        ensureDeferred(heard.stream.aclose())
        self.machine.advance(0.5)
        self.assertEqual(self.running(), [])

    def test_the_agent_dies(self) -> None:
        """The session is over; the next agent ends the command, and no task."""
        heard = self.exec("cat")
        pids = self.machine.pids()
        self.machine.kill()
        self.assertIsNotNone(heard.error)
        self.assertEqual(len(self.running()), 1)
        self.machine.start()
        self.machine.advance(1.0)
        self.assertEqual(self.running(), [])
        self.assertEqual(self.machine.pids(), pids)

    def test_gce_dies(self) -> None:
        """The session goes on with the next one."""
        heard = self.exec("cat")
        self.machine.stop_gce()
        self.channel.say(b"still here")
        self.machine.advance(0.1)
        self.machine.start_gce()
        self.machine.advance(1.0)
        self.assertEqual(heard.output()[0], b"still here")
        self.end(exit_code=4)
        self.assertEqual(heard.items[-1].exit_code, 4)

    def test_the_pod_is_killed(self) -> None:
        """So is the command; the caller hears why."""
        heard = self.exec("stubborn")
        self.machine.kill_pods(KEY)
        self.machine.advance(60.0)
        self.assertTrue(heard.over)
        self.assertEqual(heard.items[-1].signal, 9)

    def test_input(self) -> None:
        """It arrives in order; the answer says that it has gone."""
        self.exec("cat", interactive=True)
        self.machine.wait(self.feed(stdin=b"one"))
        self.machine.wait(self.feed(stdin=b"two", eof=True))
        self.assertEqual((self.channel.got, self.channel.input_ended), (b"onetwo", True))
        error = self.machine.refused(self.feed(stdin=b"three"), GalaxyError)
        self.assertEqual(error.status, kNotFound)

    def test_a_command_that_does_not_read(self) -> None:
        """The answer waits; a second piece is not taken meanwhile; the size of a terminal is."""
        self.exec("sleep", interactive=True, terminal=True, rows=24, columns=80)
        self.channel.stuffed = True
        waiting = self.feed(stdin=b"one")
        self.machine.advance(1.0)
        self.assertNoResult(waiting)
        error = self.machine.refused(self.feed(stdin=b"two"), GalaxyError)
        self.assertEqual(error.status, kBusy)
        self.machine.wait(self.feed(rows=50, columns=132))
        window = self.channel.window
        assert window is not None
        self.assertEqual((window.rows, window.columns), (50, 132))
        self.end()
        self.assertEqual(self.machine.refused(waiting, GalaxyError).status, kNotFound)

    def test_input_of_others(self) -> None:
        """Who is not on the same connection feeds nobody, even who knows the name."""
        self.exec("cat", interactive=True)
        stranger = self.dial()
        answer = stranger.feed_exec(FeedExecRequest(session=f"s{self.names}", stdin=b"rm -r /"))
        self.assertEqual(self.machine.refused(answer, GalaxyError).status, kNotFound)
        self.assertEqual(self.channel.got, b"")

    def test_too_much_input(self) -> None:
        """A piece has a bound."""
        self.exec("cat", interactive=True)
        answer = self.feed(stdin=bytes(MOST_INPUT + 1))
        self.assertEqual(self.machine.refused(answer, GalaxyError).status, kInputError)

    def test_input_before_the_beginning(self) -> None:
        """What is fed at once waits until the command runs."""
        self.machine.stop_gce()
        self.names += 1
        request = ExecRequest(pod_id=POD, session=f"s{self.names}", interactive=True)
        heard = Listener(self.console, request)
        self.machine.advance(0.1)
        assert heard.error is not None
        self.assertEqual(heard.error.status, kBusy)
        self.machine.start_gce()
        self.machine.advance(1.0)
        heard = Listener(self.console, request)
        answer = self.feed(stdin=b"early")
        self.machine.wait(answer)
        self.assertEqual(self.channel.got, b"early")

    def test_an_agent_that_has_just_begun(self) -> None:
        """It waits a few seconds until it sees what runs, and input does; then it says so."""
        self.machine.stop_gce()
        self.machine.kill()
        self.machine.begin()
        self.console = self.dial()
        heard = self.exec("cat")
        fed = self.feed(stdin=b"early")
        self.machine.start_gce()
        self.machine.advance(2.0)
        self.successResultOf(fed)
        self.assertEqual(self.channel.got, b"early")
        self.end()
        self.assertEqual((heard.items[-1].ended, heard.error), (True, None))
        self.machine.stop_gce()
        self.machine.kill()
        self.machine.begin()
        heard = self.exec("cat", console=self.dial())
        self.machine.advance(LONGEST_WITHOUT_SIGHT_S - 0.5)
        self.assertFalse(heard.over)
        self.machine.advance(0.5)
        assert heard.error is not None
        self.assertEqual(heard.error.status, kBusy)

    def test_which_task(self) -> None:
        """By number or id; the first if none is named; one that is not there is told."""
        quota = Resource(millicores=100, memory=1 << 26)
        tasks = [TaskDescriptor(start_command="serve", requirement=quota) for _ in range(2)]
        self.machine.run(run_request(description(*tasks, job="two_000000000001"), 0))
        self.machine.advance(0.5)
        pod = "two_000000000001.0"
        for task in ("1", f"{pod}.1"):
            self.exec("ls", pod_id=pod, task=task)
        self.exec("ls", pod_id=pod)
        commands = [each for each in self.machine.gce.running() if each.name.startswith("exec")]
        self.assertEqual([each.container[-1] for each in commands], ["1", "1", "0"])
        heard = self.exec("ls", pod_id=pod, task="2")
        assert heard.error is not None
        self.assertEqual(heard.error.status, kNotFound)

    def test_what_cannot_be(self) -> None:
        """Each with its status and a sentence."""
        self.machine.behave = behave
        quota = Resource(millicores=100, memory=1 << 26)
        ended = TaskDescriptor(start_command="exit 1", requirement=quota)
        self.machine.run(run_request(description(ended, job="bad_000000000001"), 0))
        self.machine.advance(0.5)
        for pod, status, why in (
            ("web_00000000000f.0", kPodNotFound, "is not on this machine"),
            ("nonsense", kInputError, "not a pod id"),
            ("bad_000000000001.0", kConflict, "does not run: it is Suspend"),
        ):
            error = self.exec("ls", pod_id=pod).error
            assert error is not None
            self.assertEqual(error.status, status)
            self.assertIn(why, error.reason)
        error = self.exec("nowhere").error
        assert error is not None
        self.assertEqual(error.status, kAgentError)
        self.assertIn("cannot enter its directory", error.reason)

    def test_a_name_is_used_once(self) -> None:
        """Two sessions cannot have one name."""
        self.exec("cat")
        error = self.exec("cat", session=f"s{self.names}").error
        assert error is not None
        self.assertEqual(error.status, kConflict)
        self.assertEqual(len(self.running()), 1)

    def test_not_without_bound(self) -> None:
        """A machine runs so many, and says so to who wants more."""
        for _ in range(MOST_SESSIONS):
            self.exec("cat")
        error = self.exec("cat").error
        assert error is not None
        self.assertEqual(error.status, kBusy)

    def test_a_reader_that_does_not_read(self) -> None:
        """What it does not take is not taken from the command either, and nothing is lost."""
        request = ExecRequest(pod_id=POD, session="slow", command=["yes"])
        stream: Any = self.console.exec(request)
        self.machine.advance(0.1)
        written = b""
        for number in range(100):
            piece = b"%d\n" % number
            written += piece
            self.channel.say(piece)
            self.machine.advance(0.05)
        self.assertIn(b"99\n", self.channel.untaken)
        self.assertIn(b"50\n", self.channel.untaken)
        heard = Listener(self.console, request, stream)
        self.machine.advance(0.5)
        self.assertEqual(heard.output()[0], written)
        self.assertEqual(self.channel.untaken, b"")
