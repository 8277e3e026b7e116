"""The limits of containers, tried by programs that want more; and what is told of their use."""

from __future__ import annotations

import tempfile
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.task import deferLater

from galaxy.gce.cgroups import ICgroups
from galaxy.gce.containment import find_cgroups, find_disks
from galaxy.protocol.gce_pb2 import (
    ConfigureRequest,
    DescribeRequest,
    Limits,
    RemoveRequest,
    UsageRequest,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kAgentError, kCpuIsolationSoft
from tests.gce.contract import NO_CALL
from tests.gce.engines import CGROUP, wait_until, why_no_cgroups
from tests.gce.isolated import Isolated

MIB = 1 << 20
HOLDS = "import time; data = b'x' * (64 << 20); print(1, flush=True); time.sleep(1000)"
SPINS = "while :; do :; done"
# Arguments: a file, "r" or "w", how many blocks of how many bytes; past the page cache.
MOVES = """
import mmap, os, sys, time

path, way, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
block = mmap.mmap(-1, size)
fd = os.open(path, os.O_DIRECT | (os.O_RDONLY if way == "r" else os.O_WRONLY | os.O_CREAT), 0o600)
began = time.monotonic()
for number in range(count):
    if way == "r":
        os.preadv(fd, [block], number * size)
    else:
        os.pwritev(fd, [block], number * size)
print(time.monotonic() - began)
"""


def why_no_disk() -> str | None:
    """Why io cannot be bounded where tests write; None: it can."""
    return why_no_cgroups() or find_disks(tempfile.gettempdir()).reason or None


class Limited(Isolated):
    """In the control groups that this host has."""

    skip = why_no_cgroups()

    def cgroups(self) -> ICgroups:
        return find_cgroups(CGROUP, str(self.directory))

    async def cpu_s(self, container: str) -> float:
        """Processor time that a container has used."""
        request = UsageRequest(containers=[container])
        return (await self.gce.usage(request, NO_CALL)).usages[0].cpu_ns / 1e9

    async def reason(self) -> str:
        """Why the isolation is not more."""
        return (await self.gce.describe(DescribeRequest(), NO_CALL)).isolation_reason


class LimitTests(Limited):
    """The limits of a container hold."""

    async def test_memory(self) -> None:
        """Who eats more memory than granted is killed, and it is told why."""
        eats = self.python("data = bytearray(500 << 20)")
        ended = await self.run_to_end(eats, limits=Limits(memory=64 << 20))
        self.assertEqual((9, True), (ended.signal, ended.oom_killed))

    async def test_memory_up_to_the_limit(self) -> None:
        """What was granted may be used: nobody is killed for coming near (Galaxy 2: 50 MiB)."""
        eats = self.python("data = b'x' * (46 << 20)")
        ended = await self.run_to_end(eats, limits=Limits(memory=64 << 20))
        self.assertEqual((0, 0, False), (ended.exit_code, ended.signal, ended.oom_killed))

    async def test_memory_of_a_child(self) -> None:
        """The same is told when a child was killed and the command failed of it."""
        eats = self.python("data = bytearray(500 << 20)").removeprefix("exec ")
        ended = await self.run_to_end(f"{eats}; exit $?", limits=Limits(memory=64 << 20))
        self.assertEqual((137, 0, True), (ended.exit_code, ended.signal, ended.oom_killed))

    async def test_the_next_is_not_blamed(self) -> None:
        """A later failure in the same container is not called out of memory."""
        eats = self.python("data = bytearray(500 << 20)")
        await self.run_to_end(eats, limits=Limits(memory=64 << 20))
        ended = await self.run_to_end("exit 1", name="main.1", limits=Limits(memory=64 << 20))
        self.assertFalse(ended.oom_killed)

    async def test_cpu(self) -> None:
        """A busy loop with 200 millicores gets about a fifth of a core."""
        await self.execute("while :; do :; done", limits=Limits(millicores=200))
        before, began = await self.usage(), cast("Any", reactor).seconds()
        await deferLater(cast("Any", reactor), 2.0)
        after, ended = await self.usage(), cast("Any", reactor).seconds()
        share = (after.cpu_ns - before.cpu_ns) / 1e9 / (ended - began)
        self.assertGreater(share, 0.10)
        self.assertLess(share, 0.28)

    async def test_soft_cpu(self) -> None:
        """A soft limit lets a process have more while the machine is idle."""
        limits = Limits(millicores=50, cpu_isolation_type=kCpuIsolationSoft)
        await self.execute("while :; do :; done", limits=limits)
        before = await self.usage()

        async def had_more() -> bool:
            return (await self.usage()).cpu_ns - before.cpu_ns > 500_000_000

        await wait_until(had_more)

    async def test_processes(self) -> None:
        """A fork bomb stops at its limit."""
        bomb = (
            "import os, time\n"
            "made = 0\n"
            "try:\n"
            "    while os.fork() != 0: made += 1\n"
            "    time.sleep(1000)\n"
            "except BlockingIOError:\n"
            "    print(made)\n"
        )
        await self.run_to_end(self.python(bomb), limits=Limits(pids=10))
        self.assertEqual("9\n", self.output())

    async def test_limits_change(self) -> None:
        """Each Execute sets the container's limits: upwards and downwards."""
        for number, mebibytes in enumerate((64, 256, 32)):
            await self.execute(
                "exec sleep 1000", name=f"main.{number}", limits=Limits(memory=mebibytes << 20)
            )
        eats = self.python("data = bytearray(40 << 20)")
        ended = await self.run_to_end(eats, name="eats", limits=Limits(memory=32 << 20))
        self.assertTrue(ended.oom_killed)

    async def test_usage(self) -> None:
        """Memory is told without and with the page cache."""
        holds = self.python(
            "import time; data = b'x' * (30 << 20); print(1, flush=True); time.sleep(99)"
        )
        await self.execute(holds, limits=Limits(memory=256 << 20))
        await self.printed("1\n")
        used = await self.usage()
        self.assertGreater(used.memory, 30 << 20)
        self.assertGreaterEqual(used.memory_with_cache, used.memory)
        self.assertEqual(1, used.pids)

    async def test_weight(self) -> None:
        """Two that want all of one processor get it by their shares."""
        for container, millicores in (("c", 300), ("d", 100)):
            limits = Limits(millicores=millicores, cpu_isolation_type=kCpuIsolationSoft, cpuset="0")
            await self.execute(SPINS, container=container, limits=limits)
        before = [await self.cpu_s("c"), await self.cpu_s("d")]

        async def enough() -> bool:
            return await self.cpu_s("c") - before[0] > 1.5

        await wait_until(enough)
        first, second = await self.cpu_s("c") - before[0], await self.cpu_s("d") - before[1]
        self.assertGreater(first / second, 2)
        self.assertLess(first / second, 4.5)

    async def test_processors(self) -> None:
        """A process runs on the processors it asked for; who asks for none has all again."""
        prints = self.python("import os; print(len(os.sched_getaffinity(0)))")
        await self.run_to_end(prints, name="main.0")
        everywhere = self.output()
        await self.run_to_end(prints, name="main.1", limits=Limits(cpuset="0"))
        await self.run_to_end(prints, name="main.2")
        self.assertEqual(everywhere + "1\n" + everywhere, self.output())

    async def test_processors_that_are_not_there(self) -> None:
        """They are named, and nothing is started on others."""
        try:
            await self.execute("true", limits=Limits(cpuset="0,9000"))
        except GalaxyError as error:
            self.assertEqual(kAgentError, error.status)
            self.assertIn("asks for processors 9000", error.reason)
        else:
            self.fail("it was started")


class DiskTests(Limited):
    """What containers may do with disks."""

    skip = why_no_disk()

    def moves(self, way: str, count: int, size: int) -> str:
        return self.python(MOVES, str(self.directory / "data"), way, str(count), str(size))

    async def timed(self, command: str, name: str, **limits: Any) -> float:
        """How long a program says that it took."""
        ended = await self.run_to_end(command, name=name, limits=Limits(**limits))
        self.assertEqual(0, ended.exit_code, (self.directory / "err").read_text())
        return float(self.output().splitlines()[-1])

    async def test_bytes_written(self) -> None:
        """A bound of bytes a second holds, is counted, and can be lifted."""
        writes = self.moves("w", 8, MIB)
        self.assertGreater(await self.timed(writes, "main.0", write_bytes_ps=4 * MIB), 1.4)
        used = await self.usage()
        self.assertGreaterEqual(used.write_bytes, 8 * MIB)
        self.assertGreaterEqual(used.write_ios, 8)
        self.assertLess(await self.timed(writes, "main.1"), 1.4)

    async def test_bytes_read(self) -> None:
        """The same for reading."""
        (self.directory / "data").write_bytes(b"x" * (8 * MIB))
        reads = self.moves("r", 8, MIB)
        self.assertGreater(await self.timed(reads, "main.0", read_bytes_ps=4 * MIB), 1.4)
        self.assertGreaterEqual((await self.usage()).read_bytes, 8 * MIB)

    async def test_operations(self) -> None:
        """And for operations, of either kind."""
        self.assertGreater(await self.timed(self.moves("w", 30, 4096), "w", write_io_ps=20), 1.0)
        self.assertGreater(await self.timed(self.moves("r", 30, 4096), "r", read_io_ps=20), 1.0)


class CeilingTests(Limited):
    """What all containers may use together."""

    async def configure(self, **limits: int) -> None:
        await self.gce.configure(ConfigureRequest(**limits), NO_CALL)

    async def test_cpu(self) -> None:
        """Those that may each use what is idle stay below the ceiling together."""
        await self.configure(millicores=300)
        for container in ("c", "d"):
            limits = Limits(millicores=200, cpu_isolation_type=kCpuIsolationSoft)
            await self.execute(SPINS, container=container, limits=limits)
        clock: Any = reactor
        before, began = await self.cpu_s("c") + await self.cpu_s("d"), clock.seconds()
        await deferLater(clock, 2.0)
        after, ended = await self.cpu_s("c") + await self.cpu_s("d"), clock.seconds()
        self.assertLess((after - before) / (ended - began), 0.42)

    async def test_memory(self) -> None:
        """Each within its own limit, but not together: one is killed, and is told why."""
        await self.configure(memory=96 * MIB)
        eats = self.python(
            "import time; data = b'x' * (64 << 20); print(1, flush=True); time.sleep(99)"
        )
        await self.execute(eats, limits=Limits(memory=90 * MIB))
        await self.printed("1\n")
        await self.execute(eats, container="d", limits=Limits(memory=90 * MIB))
        processes = self.watching.processes

        def one_is_killed() -> bool:
            return any(process.oom_killed for process in processes.values())

        await self.watching.until(one_is_killed)

    async def test_below_what_is_used(self) -> None:
        """Lowering it kills nobody: it is said until there is room, and then it is in force."""
        holds = self.python(
            "import time; data = b'x' * (64 << 20); print(1, flush=True); time.sleep(99)"
        )
        await self.execute(holds, limits=Limits(memory=90 * MIB))
        await self.printed("1\n")
        before = await self.reason()
        await self.configure(memory=32 * MIB)
        self.assertIn("not in force yet", await self.reason())
        self.assertEqual(1, (await self.usage()).pids)
        await self.gce.remove(RemoveRequest(container="c"), NO_CALL)
        self.assertEqual(before, await self.reason())
