"""
Real ZooKeeper servers for tests, from Debian's packages `zookeeper` and a Java.

`ZooKeeperServers(directory, 1 or 3)` starts them on free ports; each can be killed, stopped
(SIGSTOP) and started again. `shared_server()` is one that a whole test run shares: every
test takes a chroot of its own.
"""

from __future__ import annotations

import atexit
import ctypes
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

_JARS = ("zookeeper.jar", "zookeeper-jute.jar", "slf4j-simple.jar")
_JAVA_DIR = Path("/usr/share/java")
_READY_S = 60.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def missing() -> str | None:
    """Why no server can be started here, or None."""
    if shutil.which("java") is None:
        return "there is no java: apt-get install default-jre-headless"
    if not (_JAVA_DIR / "zookeeper.jar").exists():
        return "there is no /usr/share/java/zookeeper.jar: apt-get install zookeeper"
    return None


def free_ports(count: int) -> list[int]:
    """Ports that were free just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class ZooKeeperServer:
    """One server; a directory, a port, and at times a process."""

    def __init__(
        self,
        directory: Path,
        port: int,
        config: str,
        host: str = "127.0.0.1",
        prefix: Sequence[str] = (),
    ) -> None:
        self.directory = directory
        self.host = host
        self.port = port
        self._prefix = prefix  # of the command: where to run it
        self.process: subprocess.Popen[bytes] | None = None
        (directory / "zoo.cfg").write_text(config)

    def start(self) -> None:
        """Start the process; see `wait_ready`."""
        classpath = ":".join(str(_JAVA_DIR / jar) for jar in _JARS)
        command = ["java", "-Xms64m", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._prefix, *command, "-cp", classpath, main, str(self.directory / "zoo.cfg")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - the parent has no threads that matter
            )

    def wait_ready(self) -> None:
        """Wait until it serves; RuntimeError with its log if it ends or takes too long."""
        deadline = time.monotonic() + _READY_S
        while not self.serves():
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = (self.directory / "log").read_text(errors="replace")
                raise RuntimeError(f"ZooKeeper did not start:\n{log[-4000:]}")
            time.sleep(0.05)

    def serves(self) -> bool:
        """Whether it answers, as a member of a quorum."""
        try:
            with socket.create_connection((self.host, self.port), 2) as connection:
                connection.sendall(b"srvr")
                answer = b""
                while part := connection.recv(4096):
                    answer += part
        except OSError:
            return False
        return b"Mode:" in answer

    def signal(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP, SIGCONT."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait for its end. Its directory stays: it may be started again."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class ZooKeeperServers:
    """
    One server alone, or three as an ensemble; started and ready when this returns.

    `hosts`: the address of each, and the command before its command that runs it there.
    """

    def __init__(
        self,
        directory: Path,
        count: int = 1,
        *,
        tick_ms: int = 200,
        hosts: Sequence[tuple[str, Sequence[str]]] = (),
    ) -> None:
        self.servers: list[ZooKeeperServer] = []
        places = hosts or [("127.0.0.1", ())] * count
        ports = free_ports(3 * count)
        members = "".join(
            f"server.{n + 1}={places[n][0]}:{ports[count + 2 * n]}:{ports[count + 2 * n + 1]}\n"
            for n in range(count)
        )
        for n in range(count):
            home = directory / f"zookeeper{n + 1}"
            home.mkdir(parents=True)
            (home / "myid").write_text(str(n + 1))
            config = (
                f"tickTime={tick_ms}\ninitLimit=20\nsyncLimit=10\ndataDir={home.absolute()}\n"
                f"clientPortAddress={places[n][0]}\nclientPort={ports[n]}\nadmin.enableServer=false\n"
                "4lw.commands.whitelist=*\nmaxClientCnxns=0\n"
            )
            self.servers.append(
                ZooKeeperServer(home, ports[n], config + (members if count > 1 else ""), *places[n])
            )
        try:
            for server in self.servers:
                server.start()
            for server in self.servers:
                server.wait_ready()
        except BaseException:
            self.stop()
            raise

    @property
    def hosts(self) -> str:
        """HOST:PORT of all, as URLs have it."""
        return ",".join(f"{server.host}:{server.port}" for server in self.servers)

    def url(self, chroot: str, session_s: float = 4.0) -> str:
        """The URL of a nexus there."""
        return f"zookeeper://{self.hosts}/{chroot}?session_s={session_s:g}"

    def stop(self) -> None:
        """End them all."""
        for server in self.servers:
            server.kill()


_shared: list[ZooKeeperServers] = []


def shared_server() -> ZooKeeperServers:
    """The one server of this test run, started when first asked for."""
    if not _shared:
        directory = Path(tempfile.mkdtemp(prefix="galaxy-zookeeper-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        servers = ZooKeeperServers(directory)
        atexit.register(servers.stop)
        _shared.append(servers)
    return _shared[0]


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
