"""gce and the cradle, killed with -9: no task dies, none starts twice, no exit status is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from galaxy.gce.cgroups import Allowance
from galaxy.gce.containment import find_cgroups
from galaxy.gce.procfs import boot_id, start_time
from galaxy.gce.record import ProcessId, Spec
from galaxy.gce.records import Records
from galaxy.protocol.gce_pb2 import (
    DescribeRequest,
    ExecuteRequest,
    ProcessStatus,
    RemoveRequest,
    StopRequest,
    WatchRequest,
    kProcessEnded,
    kProcessFailed,
    kProcessRunning,
)
from galaxy.protocol.statuses import GalaxyError
from tests.gce.engines import (
    CGROUP,
    ENVIRONMENT,
    Engine,
    temporary_directory,
    wait_until,
    why_no_cgroups,
)

FOR_EVER = "exec sleep 1000"


def run(engine: Engine) -> subprocess.CompletedProcess[str]:
    """Run an engine that ends by itself."""
    return subprocess.run(
        engine.command(), env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


class SurvivalTests(TestCase):
    """Each test kills what it can, and looks at what the next gce makes of it."""

    timeout = 120
    cgroup = "" if why_no_cgroups() else CGROUP

    def setUp(self) -> Any:
        self.directory = temporary_directory(self)
        self.engine = Engine(self.directory, self.cgroup)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.engine.leave_nothing()))
        return Deferred.fromCoroutine(self.engine.start())

    async def execute(self, name: str, command: str, container: str = "c") -> ProcessStatus:
        request = ExecuteRequest(
            container=container,
            name=name,
            command=command,
            envs=["PATH=/usr/bin:/bin"],
            cwd="/tmp",
            stdout_path=str(self.directory / "out"),
            stderr_path=str(self.directory / "err"),
        )
        answer = await self.engine.gce.execute(request)
        return answer.process

    async def picture(self) -> dict[str, ProcessStatus]:
        """Every process, by its name."""
        changes = self.engine.gce.watch(WatchRequest())
        first = await changes.__anext__()
        await changes.aclose()
        return {process.name: process for process in first.processes}

    async def ended(self, name: str) -> ProcessStatus:
        """Wait for a process to be over."""
        found: list[ProcessStatus] = []

        async def over() -> bool:
            process = (await self.picture())[name]
            found.append(process)
            return process.state in (kProcessEnded, kProcessFailed)

        await wait_until(over)
        return found[-1]

    async def wrote(self, path: Path, text: str) -> None:
        """Wait for commands to have written something; fail if they write anything else."""

        async def written() -> bool:
            found = path.read_text() if path.exists() else ""
            self.assertTrue(text.startswith(found), found)
            return found == text

        await wait_until(written)

    async def test_open_files(self) -> None:
        """It may open as many files as there can be, however few its parent could."""
        described = await self.engine.gce.describe(DescribeRequest())
        lines = Path(f"/proc/{described.pid}/limits").read_text().splitlines()
        (limits,) = (line.split() for line in lines if line.startswith("Max open files"))
        self.assertEqual(limits[4], limits[3])

    async def test_tasks_outlive_gce(self) -> None:
        """After kill -9 of gce its processes run on, and the next one knows them by their pids."""
        before = await self.execute("main.0", FOR_EVER)
        await self.engine.kill()
        self.assertIsNotNone(start_time(before.pid))
        await self.engine.start()
        self.assertEqual(before, (await self.picture())["main.0"])

    async def test_tasks_outlive_gce_and_cradle(self) -> None:
        """The same with the cradle killed too; and the new gce can stop them."""
        before = await self.execute("main.0", FOR_EVER)
        os.kill(self.engine.cradle(), signal.SIGKILL)
        await self.engine.kill()
        await self.engine.start()
        self.assertEqual(before, (await self.picture())["main.0"])
        await self.engine.gce.stop(StopRequest(container="c", grace_s=50))
        self.assertEqual(15, (await self.ended("main.0")).signal)

    async def test_ends_while_gce_is_down_are_known(self) -> None:
        """Code, signal and time of the end are exact though no gce saw them."""
        go = self.directory / "go"
        wait = f"while [ ! -e {go} ]; do sleep 0.01; done; "
        await self.execute("exits", wait + "exit 137")
        await self.execute("killed", wait + "kill -KILL $$")
        await self.execute("runs", FOR_EVER)
        await self.engine.kill()
        go.touch()
        records = Records(self.directory / "gce")

        async def both_ended() -> bool:
            return all(records.read(ProcessId("c", name)).ended for name in ("exits", "killed"))

        await wait_until(both_ended)
        await self.engine.start()
        picture = await self.picture()
        exits, killed = picture["exits"], picture["killed"]
        self.assertEqual((kProcessEnded, 137, 0), (exits.state, exits.exit_code, exits.signal))
        self.assertEqual((kProcessEnded, 0, 9), (killed.state, killed.exit_code, killed.signal))
        self.assertGreater(exits.end_time, exits.start_time)
        self.assertEqual(kProcessRunning, picture["runs"].state)

    async def test_ends_after_a_restart_are_seen(self) -> None:
        """A gce that is not the parent of a keeper sees it go."""
        before = await self.execute("main.0", FOR_EVER)
        await self.engine.kill()
        await self.engine.start()
        os.kill(before.pid, signal.SIGINT)
        self.assertEqual(2, (await self.ended("main.0")).signal)

    async def test_execute_is_idempotent_across_restarts(self) -> None:
        """The command ran once, though it was asked for before and after."""
        ran = self.directory / "ran"
        first = await self.execute("main.0", f"echo x >> {ran}; {FOR_EVER}")
        await self.engine.kill()
        await self.engine.start()
        again = await self.execute("main.0", f"echo x >> {ran}; {FOR_EVER}")
        self.assertEqual(first, again)
        await self.wrote(ran, "x\n")

    async def test_the_cradle_is_replaced(self) -> None:
        """With the cradle dead, gce starts another, and what is asked meanwhile is started once."""
        ran = self.directory / "ran"
        os.kill(self.engine.cradle(), signal.SIGKILL)
        status = await self.execute("main.0", f"echo x >> {ran}; {FOR_EVER}")
        self.assertEqual(kProcessRunning, status.state)
        await self.wrote(ran, "x\n")

    async def test_wanted_but_never_begun(self) -> None:
        """gce was killed between writing down and launching: the next one launches."""
        await self.engine.kill()
        self.write_spec("main.0")
        await self.engine.start()
        self.assertEqual(kProcessRunning, (await self.execute("main.0", "exit 1")).state)

    async def test_half_a_spec(self) -> None:
        """gce was killed while writing down: nobody was answered, and nothing is known."""
        await self.engine.kill()
        directory = self.directory / "gce" / "containers" / "c" / "main.0"
        directory.mkdir(parents=True)
        (directory / "spec").write_text('{"boot": "')
        await self.engine.start()
        self.assertEqual({}, await self.picture())

    async def test_a_claim_and_no_more(self) -> None:
        """The keeper was killed before the command: it never ran, and is not run now."""
        await self.engine.kill()
        self.write_spec("main.0")
        claim = self.directory / "gce" / "containers" / "c" / "main.0" / "claim"
        claim.symlink_to(f"{os.getpid()}:1")  # a pid in use, by a later process
        await self.engine.start()
        failed = (await self.picture())["main.0"]
        self.assertEqual(kProcessFailed, failed.state)
        self.assertIn("before it could begin", failed.reason)

    async def test_a_claim_of_a_thread(self) -> None:
        """A thread has the keeper's pid by now: the keeper has gone, and gce serves."""
        await self.engine.kill()
        self.write_spec("main.0")
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(done.set)
        claim = self.directory / "gce" / "containers" / "c" / "main.0" / "claim"
        claim.symlink_to(f"{thread.native_id}:1")
        await self.engine.start()
        self.assertEqual(kProcessFailed, (await self.picture())["main.0"].state)

    async def test_a_damaged_record(self) -> None:
        """gce says so; it serves, knows the others, and can remove that one."""
        before = await self.execute("main.0", FOR_EVER)
        await self.execute("exits", "exit 0", container="b")
        await self.ended("exits")
        await self.engine.kill()
        claim = self.directory / "gce" / "containers" / "b" / "exits" / "claim"
        claim.unlink()
        claim.write_text("")
        await self.engine.start()
        picture = await self.picture()
        self.assertEqual((before, 9), (picture["main.0"], picture["exits"].signal))
        self.assertIn("what is known of b/exits cannot be read", self.engine.log())
        await self.engine.gce.remove(RemoveRequest(container="b"))
        self.assertEqual(["main.0"], list(await self.picture()))

    async def test_a_killed_keeper(self) -> None:
        """Its task does not run on unwatched, and its end does not pass for a success."""
        before = await self.execute("main.0", FOR_EVER)
        os.kill(self.engine.keeper("c", "main.0"), signal.SIGKILL)
        lost = await self.ended("main.0")
        self.assertEqual(9, lost.signal)
        self.assertIn("not known", lost.reason)

        async def gone() -> bool:
            return start_time(before.pid) is None

        await wait_until(gone)

    async def test_stuck_before_it_could_begin(self) -> None:
        """A start that hangs in the kernel does not keep the next gce from serving; it goes on."""
        before = await self.execute("main.0", FOR_EVER)
        await self.engine.kill()
        fifo = self.directory / "fifo"
        os.mkfifo(fifo)
        self.write_spec("stuck", str(fifo))  # to open it waits for whoever reads
        for _ in range(2):
            await self.engine.start()
            self.assertEqual(before, (await self.picture())["main.0"])
            await self.engine.kill()
        await self.engine.start()
        reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reading)
        self.assertEqual(kProcessRunning, (await self.execute("stuck", "")).state)

    async def test_groups_nobody_wants(self) -> None:
        """gce was killed between making a group and writing down why: the group is removed."""
        if not self.cgroup:
            self.skipTest("no control groups here")
        await self.engine.kill()
        cgroups = find_cgroups(self.cgroup)
        cgroups.create("unwanted", Allowance())
        await self.engine.start()

        async def removed() -> bool:
            return cgroups.containers() == []

        await wait_until(removed)

    async def test_only_one_serves_a_directory(self) -> None:
        """A second gce leaves at once, with a sentence and status 75."""
        second = run(self.engine)
        self.assertEqual(75, second.returncode)
        self.assertIn("another gce serves", second.stderr)
        self.assertGreater((await self.engine.gce.describe(DescribeRequest())).pid, 0)

    async def test_an_unusable_directory(self) -> None:
        """gce says what is wrong with it, with status 78."""
        blocked = self.directory / "file"
        blocked.touch()
        engine = Engine(blocked, "")
        second = run(engine)
        self.assertEqual(78, second.returncode)
        self.assertIn(str(blocked), second.stderr)

    async def test_sigterm_leaves_tasks_alone(self) -> None:
        """A gce that leaves in order leaves as little trace as one that is killed."""
        before = await self.execute("main.0", FOR_EVER)
        await self.engine.terminate()
        self.assertFalse((self.directory / "pid").exists())
        await self.engine.start()
        self.assertEqual(before, (await self.picture())["main.0"])

    async def test_many_kills(self) -> None:
        """gce (and the cradle) killed ten times while starting more: same pids, each once."""
        ran = self.directory / "ran"
        pids: dict[str, int] = {}
        for round_ in range(10):
            for number in range(2):
                name = f"main.{round_}.{number}"
                command = f"echo {name} >> {ran}; {FOR_EVER}"
                pids[name] = (await self.execute(name, command)).pid
            hurried = f"hurried.{round_}"
            asked = Deferred.fromCoroutine(
                self.execute(hurried, f"echo {hurried} >> {ran}; {FOR_EVER}")
            )
            asked.addErrback(lambda failure: failure.trap(GalaxyError))
            await deferLater(cast("Any", reactor), 0.001 * round_)
            await self.engine.kill()
            await self.engine.start()
            await asked
        picture = await self.picture()
        self.assertEqual(pids, {name: picture[name].pid for name in pids})
        self.assertTrue(all(process.state == kProcessRunning for process in picture.values()))

        async def all_ran() -> bool:
            return sorted(ran.read_text().split()) == sorted(picture)

        await wait_until(all_ran)

    def write_spec(self, name: str, *join: str) -> None:
        """Leave what gce writes before it launches; it is to join these, too."""
        cgroups = find_cgroups(self.cgroup)
        entrance = cgroups.create("c", Allowance())
        spec = Spec(
            boot=boot_id(),
            command=FOR_EVER,
            envs=("PATH=/usr/bin:/bin",),
            cwd="/",
            stdout=str(self.directory / "out"),
            stderr=str(self.directory / "err"),
            join=(*join, *entrance.join),
            oom_events=entrance.oom_events,
        )
        Records(self.directory / "gce").write_spec(ProcessId("c", name), spec)
