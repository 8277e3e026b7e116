"""
Starts an agent and a gce, starts each again as soon as it dies, and kills them when told.

    python -m tests.survival.nursery DIRECTORY CGROUP AGENT-OPTION...

The daemons are forked from this process, which has imported all that they import but
the reactor: a start takes a tenth of a second instead of one, and a thousand deaths
minutes instead of an hour. What runs afterwards is what twistd and `python -m galaxy.gce` run.

In DIRECTORY: the files of `tests.survival.steps`; `pids`, a line for each daemon; `hits`, a line
for each order that was carried out; `steps`, a line for each step told of on demand.
SIGTERM: both are killed, and this ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

import galaxy.agent.tap
import galaxy.gce.main
import galaxy.gce.run
from galaxy.gce.spawn import spawn_cradle
from tests.survival import steps

AGENT, GCE = "agent", "gce"
_EXPECTED = (-signal.SIGKILL, galaxy.gce.main.EX_TEMPFAIL)
PIDS, HITS, STEPS = "pids", "hits", "steps"


class Nursery:
    """The two daemons, as long as they are wanted."""

    def __init__(self, directory: Path, cgroup: str, agent_options: list[str]) -> None:
        self._directory = directory
        self._cgroup = cgroup
        self._agent_options = agent_options
        self._pids: dict[str, int] = {}
        self._wanted = True
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._reached = os.open(directory / steps.REACHED, os.O_RDWR | os.O_NONBLOCK)
        self._go = os.open(directory / steps.GO, os.O_RDWR | os.O_NONBLOCK)
        self._told = b""
        self._carried_out = 0  # the serial of the last order that was

    def run(self) -> None:
        """Until SIGTERM."""
        signal.set_wakeup_fd(self._wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._end)
        self._start(GCE)
        self._start(AGENT)
        while self._wanted:
            ready, _, _ = select.select([self._woken, self._reached], [], [])
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._restart()
            if self._reached in ready:
                self._listen()
        for pid in self._pids.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _end(self, *_: object) -> None:
        self._wanted = False

    def _start(self, role: str) -> None:
        pid = os.fork()
        if pid == 0:
            self._become(role)
        self._pids[role] = pid
        text = "".join(f"{known} {number}\n" for known, number in self._pids.items())
        fresh = self._directory / f"{PIDS}.new"
        fresh.write_text(text)
        fresh.rename(self._directory / PIDS)

    def _restart(self) -> None:
        for role, pid in list(self._pids.items()):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found == pid and os.waitstatus_to_exitcode(status) not in _EXPECTED:
                sys.exit(f"the {role} has left by itself: {os.waitstatus_to_exitcode(status)}")
            if found == pid and self._wanted:
                self._start(role)

    def _listen(self) -> None:
        self._told += os.read(self._reached, 1 << 16)
        *lines, self._told = self._told.split(b"\n")
        for line in lines:
            self._obey(line.decode())

    def _obey(self, line: str) -> None:
        serial, order, _count, victims, pid, step, count = line.split("\t")
        if order == steps.EVERY:
            with (self._directory / STEPS).open("a") as file:
                file.write(f"{count}\t{step}\n")
            return
        condemned = [self._pids[victim] for victim in victims.split(",")]
        if int(serial) != self._carried_out:
            self._carried_out = int(serial)
            steps.write_order(self._directory, self._carried_out, "", 0, "")
            for victim in condemned:
                os.kill(victim, signal.SIGKILL)
            for victim in condemned:  # who still waited could take the byte of another
                os.waitid(os.P_PID, victim, os.WEXITED | os.WNOWAIT)
            with (self._directory / HITS).open("a") as file:
                file.write(f"{serial}\n")
        if int(pid) not in condemned:
            os.write(self._go, b"!")

    def _become(self, role: str) -> NoReturn:
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            for fd in (self._woken, self._wake, self._reached, self._go):
                os.close(fd)
            log = os.open(
                self._directory / f"{role}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644
            )
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
            self._run(role)
        except SystemExit as leaving:
            os._exit(leaving.code if isinstance(leaving.code, int) else 1)
        except BaseException:  # noqa: BLE001  (nothing may return into the nursery's code)
            traceback.print_exc()
        os._exit(1)

    def _run(self, role: str) -> None:
        become: dict[str, Callable[[], None]] = {AGENT: self._agent, GCE: self._gce}
        steps.install(self._directory, role)
        become[role]()

    def _agent(self) -> None:
        from twisted.internet import reactor
        from twisted.logger import globalLogBeginner, textFileLogObserver

        loop: object = reactor
        globalLogBeginner.beginLoggingTo(
            [textFileLogObserver(sys.stdout)], redirectStandardIO=False, discardBuffer=True
        )
        sys.executable = "/bin/false"  # gce is started here, and by nobody else
        options = galaxy.agent.tap.Options()
        options.parseOptions(self._agent_options)
        service = galaxy.agent.tap.makeService(options)
        service.startService()
        loop.run()  # type: ignore[attr-defined]

    def _gce(self) -> None:
        data = self._directory / "agent"
        sys.argv = [
            "gce",
            *("--socket", str(data / "gce.sock")),
            *("--dir", str(data / "gce")),
            *("--pidfile", str(data / "gce.pid")),
            *("--cgroup", self._cgroup),
        ]
        galaxy.gce.main.main(partial(spawn_cradle, module="tests.survival.cradle"))


def main() -> None:
    """See the head of the module."""
    directory = Path(sys.argv[1])
    for name in (steps.REACHED, steps.GO):
        with contextlib.suppress(FileExistsError):
            os.mkfifo(directory / name)
    if not (directory / steps.ORDER).exists():
        steps.write_order(directory, 0, "", 0, "")
    (directory / "agent").mkdir(exist_ok=True)
    Nursery(directory, sys.argv[2], sys.argv[3:]).run()


if __name__ == "__main__":
    main()
