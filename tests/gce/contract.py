"""What every gce does, told once; `test_memory` and `test_functional_service` run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from galaxy.protocol.calls import Call
from galaxy.protocol.gce_pb2 import (
    Bind,
    Box,
    DescribeRequest,
    EndRequest,
    ExecuteRequest,
    ExecuteResponse,
    Limits,
    ProcessChange,
    ProcessStatus,
    RemoveRequest,
    StopRequest,
    UsageRequest,
    WatchRequest,
    kProcessEnded,
    kProcessFailed,
    kProcessRunning,
)
from galaxy.protocol.services import IGce
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kConflict, kInputError, kPermission

NO_CALL = cast("Call", None)

FOR_EVER = "exec sleep 1000"
IGNORES_TERM = "trap '' TERM; while :; do sleep 1000; done"
EXITS_137 = "exit 137"
KILLS_ITSELF = "kill -KILL $$"
NOWHERE = "/nonexistent/directory"


class Watching:
    """A watch that is followed: what it was told, and waiting for what is to come."""

    def __init__(self, gce: Any) -> None:
        self.items: list[ProcessChange] = []
        self.processes: dict[tuple[str, str], ProcessStatus] = {}
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []
        self._call = Deferred.fromCoroutine(gce.watch(WatchRequest(), NO_CALL, self._told))
        self._call.addErrback(lambda failure: None)

    def stop(self) -> None:
        self._call.cancel()

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait for something to be so; it is looked at after each item."""
        if not what():
            waiting: Deferred[None] = Deferred()
            self._waiting.append((what, waiting))
            await waiting

    async def ended(self, container: str, name: str) -> ProcessStatus:
        """Wait for a process to be over."""
        over = (kProcessEnded, kProcessFailed)
        key = (container, name)
        await self.until(lambda: key in self.processes and self.processes[key].state in over)
        return self.processes[key]

    async def _told(self, item: ProcessChange) -> None:
        self.items.append(item)
        for removed in item.removed_containers:
            for key in [key for key in self.processes if key[0] == removed]:
                del self.processes[key]
        for process in item.processes:
            self.processes[process.container, process.name] = process
        for what, waiting in list(self._waiting):
            if what():
                self._waiting.remove((what, waiting))
                waiting.callback(None)


class GceContract(TestCase):
    """The promises of `gce.proto`. Subclasses say in `make_gce` which gce keeps them."""

    timeout = 60
    directory = "/tmp"

    def make_gce(self) -> Any:
        raise NotImplementedError

    def setUp(self) -> Any:
        return Deferred.fromCoroutine(self.begin())

    async def begin(self) -> None:
        made = self.make_gce()
        self.gce = await made if isinstance(made, Deferred) else made
        self.watching = Watching(self.gce)
        self.addCleanup(self.watching.stop)

    def request(self, container: str, name: str, command: str, **more: Any) -> ExecuteRequest:
        request = ExecuteRequest(
            container=container,
            name=name,
            command=command,
            envs=["PATH=/usr/bin:/bin"],
            cwd=self.directory,
            stdout_path=f"{self.directory}/out",
            stderr_path=f"{self.directory}/err",
        )
        request.MergeFrom(ExecuteRequest(**more))
        return request

    async def execute(
        self, container: str, name: str, command: str, **more: Any
    ) -> ExecuteResponse:
        answer: ExecuteResponse = await self.gce.execute(
            self.request(container, name, command, **more), NO_CALL
        )
        return answer

    def stop(self, container: str, grace_s: float) -> Deferred[Any]:
        request = StopRequest(container=container, grace_s=grace_s)
        return Deferred.fromCoroutine(self.gce.stop(request, NO_CALL))

    async def end(self, container: str, name: str, grace_s: float) -> None:
        request = EndRequest(container=container, name=name, grace_s=grace_s)
        await self.gce.end_process(request, NO_CALL)

    async def remove(self, container: str) -> None:
        await self.gce.remove(RemoveRequest(container=container), NO_CALL)

    async def refused(self, status: int, request: ExecuteRequest) -> str:
        """The reason of a refusal with this status."""
        try:
            await self.gce.execute(request, NO_CALL)
        except GalaxyError as error:
            self.assertEqual(status, error.status)
            return error.reason
        raise AssertionError("it was not refused")

    def test_provides_the_service(self) -> None:
        """It answers every method of Gce."""
        self.assertTrue(verifyObject(IGce, self.gce))

    async def test_describes_itself(self) -> None:
        """It says what it is, and how well it isolates."""
        described = await self.gce.describe(DescribeRequest(), NO_CALL)
        self.assertIn(described.isolation, ("cgroup-v1", "cgroup-v2", "none"))
        self.assertGreater(described.pid, 0)

    async def test_execute_answers_when_it_runs(self) -> None:
        """The answer has the pid and the time of the start."""
        answer = await self.execute("c", "main.0", FOR_EVER)
        self.assertFalse(answer.existed)
        self.assertEqual(kProcessRunning, answer.process.state)
        self.assertGreater(answer.process.pid, 0)
        self.assertGreater(answer.process.start_time, 0)

    async def test_execute_is_idempotent(self) -> None:
        """A known name is answered with what is so, whatever the rest of the request."""
        first = await self.execute("c", "main.0", FOR_EVER)
        again = await self.execute("c", "main.0", EXITS_137)
        self.assertTrue(again.existed)
        self.assertEqual(first.process, again.process)

    async def test_execute_does_not_run_again_what_has_ended(self) -> None:
        """A name is used up by its first run."""
        await self.execute("c", "main.0", EXITS_137)
        ended = await self.watching.ended("c", "main.0")
        again = await self.execute("c", "main.0", FOR_EVER)
        self.assertEqual(ended, again.process)

    async def test_exit_code_is_told_from_signal(self) -> None:
        """`exit 137` is not SIGKILL."""
        await self.execute("c", "exits", EXITS_137)
        await self.execute("c", "killed", KILLS_ITSELF)
        exits = await self.watching.ended("c", "exits")
        killed = await self.watching.ended("c", "killed")
        self.assertEqual((137, 0), (exits.exit_code, exits.signal))
        self.assertEqual((0, 9), (killed.exit_code, killed.signal))
        self.assertFalse(killed.oom_killed)
        self.assertGreater(killed.end_time, 0)

    async def test_what_cannot_start_says_why(self) -> None:
        """A process that never ran has failed, with the reason; it has not exited."""
        answer = await self.execute("c", "main.0", FOR_EVER, cwd=NOWHERE)
        self.assertEqual(kProcessFailed, answer.process.state)
        self.assertIn(NOWHERE, answer.process.reason)

    async def test_watch_begins_with_everything(self) -> None:
        """The first item is the whole picture, and only the first."""
        await self.execute("c", "main.0", FOR_EVER)
        watching = Watching(self.gce)
        self.addCleanup(watching.stop)
        await self.execute("d", "main.0", FOR_EVER)
        await watching.until(lambda: ("d", "main.0") in watching.processes)
        self.assertTrue(watching.items[0].complete)
        self.assertEqual(["main.0"], [p.name for p in watching.items[0].processes])
        self.assertFalse(any(item.complete for item in watching.items[1:]))

    async def test_watch_tells_of_removal(self) -> None:
        """A removed container is named."""
        await self.execute("c", "main.0", FOR_EVER)
        await self.remove("c")
        await self.watching.until(lambda: "c" in self.watching.items[-1].removed_containers)
        self.assertEqual({}, self.watching.processes)

    async def test_stop_ends_everything_by_sigterm(self) -> None:
        """Every process of the container gets SIGTERM; other containers are left alone."""
        await self.execute("c", "main.0", FOR_EVER)
        await self.execute("c", "main.1", FOR_EVER)
        await self.execute("d", "main.0", FOR_EVER)
        await self.stop("c", 50)
        for name in ("main.0", "main.1"):
            ended = await self.watching.ended("c", name)
            self.assertEqual((0, 15), (ended.exit_code, ended.signal))
        self.assertEqual(kProcessRunning, self.watching.processes["d", "main.0"].state)

    async def test_stop_kills_what_ignores_sigterm(self) -> None:
        """After the grace comes SIGKILL."""
        await self.execute("c", "main.0", IGNORES_TERM)
        await deferLater(cast("Any", reactor), 0.2)  # the shell sets its trap
        await self.stop("c", 0.2)
        self.assertEqual(9, (await self.watching.ended("c", "main.0")).signal)

    async def test_of_two_stops_the_shorter_grace_counts(self) -> None:
        """An impatient stop hurries a patient one; both are answered."""
        await self.execute("c", "main.0", IGNORES_TERM)
        await deferLater(cast("Any", reactor), 0.2)  # the shell sets its trap
        patient = self.stop("c", 1000)
        await self.stop("c", 0)
        await patient

    async def test_no_execute_during_a_stop(self) -> None:
        """Nothing new begins in a container that is being stopped; afterwards it may."""
        await self.execute("c", "main.0", IGNORES_TERM)
        stop = self.stop("c", 0.3)
        reason = await self.refused(kConflict, self.request("c", "main.1", FOR_EVER))
        self.assertIn("being stopped", reason)
        await stop
        answer = await self.execute("c", "main.1", FOR_EVER)
        self.assertEqual(kProcessRunning, answer.process.state)

    async def test_stop_while_a_process_is_starting(self) -> None:
        """It is waited for, and stopped."""
        starting = Deferred.fromCoroutine(self.execute("c", "main.0", FOR_EVER))
        await self.stop("c", 50)
        await starting
        self.assertEqual(15, (await self.watching.ended("c", "main.0")).signal)

    async def test_stop_of_nothing(self) -> None:
        """An unknown container, and one in which all has ended, are answered at once."""
        await self.stop("unknown", 50)
        await self.execute("c", "main.0", EXITS_137)
        await self.watching.ended("c", "main.0")
        await self.stop("c", 50)

    async def test_end_of_one_process(self) -> None:
        """It gets SIGTERM; what else lives in the container is left alone."""
        await self.execute("c", "main.0", FOR_EVER)
        await self.execute("c", "exec.0", FOR_EVER)
        await self.end("c", "exec.0", 50)
        ended = await self.watching.ended("c", "exec.0")
        self.assertEqual((0, 15), (ended.exit_code, ended.signal))
        self.assertEqual(kProcessRunning, self.watching.processes["c", "main.0"].state)

    async def test_end_of_a_process_that_ignores_sigterm(self) -> None:
        """After the grace comes SIGKILL."""
        await self.execute("c", "exec.0", IGNORES_TERM)
        await deferLater(cast("Any", reactor), 0.2)  # the shell sets its trap
        await self.end("c", "exec.0", 0.2)
        self.assertEqual(9, (await self.watching.ended("c", "exec.0")).signal)

    async def test_end_of_nothing(self) -> None:
        """What is unknown, and what has ended, is answered at once."""
        await self.end("c", "exec.0", 50)
        await self.execute("c", "exec.0", EXITS_137)
        await self.watching.ended("c", "exec.0")
        await self.end("c", "exec.0", 50)
        await self.end("c", "exec.1", 50)

    async def test_remove_forgets(self) -> None:
        """What lived is killed, and the names are free again. Removing twice is harmless."""
        first = await self.execute("c", "main.0", FOR_EVER)
        await self.remove("c")
        await self.remove("c")
        second = await self.execute("c", "main.0", FOR_EVER)
        self.assertFalse(second.existed)
        self.assertNotEqual(first.process.pid, second.process.pid)

    async def test_two_removals_at_once(self) -> None:
        """Both are answered."""
        await self.execute("c", "main.0", FOR_EVER)
        first = Deferred.fromCoroutine(self.remove("c"))
        await self.remove("c")
        await first

    async def test_usage(self) -> None:
        """The usage of the containers asked for; unknown ones are left out."""
        await self.execute("c", "main.0", FOR_EVER)
        await self.execute("d", "main.0", FOR_EVER)
        request = UsageRequest(containers=["c", "unknown"])
        used = await self.gce.usage(request, NO_CALL)
        self.assertEqual([("c", 1)], [(usage.container, usage.pids) for usage in used.usages])
        everything = await self.gce.usage(UsageRequest(), NO_CALL)
        self.assertEqual(["c", "d"], [usage.container for usage in everything.usages])

    async def test_boxes(self) -> None:
        """A process runs in a box, and others in the same, or it says why there can be none."""
        here = Bind(source=self.directory, target=self.directory, writable=True)
        system = [Bind(source=path, target=path) for path in ("/bin", "/lib", "/lib64", "/usr")]
        box = Box(hostname="c.0", binds=[*system, here])
        described = await self.gce.describe(DescribeRequest(), NO_CALL)
        if described.no_boxes:
            reason = await self.refused(kPermission, self.request("c", "main.0", "true", box=box))
            self.assertIn(described.no_boxes, reason)
            return
        for name, join in (("main.0", ""), ("exec.0", "main.0"), ("exec.1", "unknown")):
            answer = await self.execute("c", name, FOR_EVER, box=box, join=join)
            self.assertEqual((kProcessRunning, ""), (answer.process.state, answer.process.reason))
        await self.stop("c", 50)
        for name in ("main.0", "exec.1"):
            self.assertEqual(15, (await self.watching.ended("c", name)).signal)
        # The box goes with its first process, and kills whoever has not yet obeyed.
        self.assertIn((await self.watching.ended("c", "exec.0")).signal, (15, 9))

    async def test_refuses_bad_requests(self) -> None:
        """Each refusal says what is wrong; nothing of the request remains."""
        good = {"container": "c", "name": "n", "command": "true"}
        for field, value in [
            ("container", ""),
            ("container", ".."),
            ("container", "a/b"),
            ("container", "a" * 201),
            ("name", "a b"),
            ("cwd", "relative"),
            ("stdout_path", ""),
            ("envs", ["NO_VALUE"]),
            ("command", "a" * 200_000),
            ("limits", Limits(memory=-1)),
            ("join", "a/b"),
            ("seccomp", "strict"),
        ]:
            request = self.request(**good)
            request.ClearField(field)
            request.MergeFrom(ExecuteRequest(**{field: value}))  # type: ignore[arg-type]
            await self.refused(kInputError, request)
        self.assertEqual([], list((await self.gce.usage(UsageRequest(), NO_CALL)).usages))


# Trial would run the contract itself, over nothing.
del TestCase
