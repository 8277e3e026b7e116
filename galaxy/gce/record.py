"""What is known of a process, as values: the parts of its record."""

from __future__ import annotations

from attrs import frozen


@frozen
class ProcessId:
    """A process: its name within its container."""

    container: str
    name: str

    def __str__(self) -> str:
        return f"{self.container}/{self.name}"


@frozen
class Claim:
    """Which process is the keeper; the start time tells it from a later one of the same pid."""

    pid: int
    start: int


@frozen
class Bind:
    """What a box has at `target`: something of the host; or, if empty, a file system in memory."""

    source: str
    target: str
    writable: bool = False
    tmpfs: int = 0  # bytes


@frozen
class Box:
    """What a process sees of the machine. `galaxy.gce.box` makes it so."""

    hostname: str
    binds: tuple[Bind, ...] = ()
    private_network: bool = False
    shared: tuple[Bind, ...] = ()  # of its template; `binds` are the task's own
    covers: tuple[str, ...] = ()  # see `galaxy.gce.layout`


@frozen
class Spec:
    """What to run. `boot`: of which boot of the machine the record tells."""

    boot: str
    command: str
    envs: tuple[str, ...]
    cwd: str
    stdout: str
    stderr: str
    uid: int | None = None  # None: the engine's own rights
    gid: int = 0
    groups: tuple[int, ...] = ()
    join: tuple[str, ...] = ()
    oom_events: str = ""
    box: Box | None = None  # None: it sees the machine as it is
    neighbour: Claim | None = None  # the process whose namespaces it goes into, instead of a box
    seccomp: bool = False
    stdin: str = ""  # nothing
    terminal: str = ""  # in place of stdin, stdout and stderr


@frozen
class Started:
    """The task's own process. `time` is the clock's, in seconds."""

    pid: int
    start: int
    time: float
    oom_kills: int = 0


@frozen
class Ended:
    """How a process ended; or, with `failed`, why it never ran."""

    time: float
    code: int = 0
    signal: int = 0
    core: bool = False
    oom: bool = False
    user_cpu_s: float = 0.0
    system_cpu_s: float = 0.0
    max_rss: int = 0
    failed: str = ""


@frozen
class Record:
    """All that is on disk of a process. None: not there (yet)."""

    spec: Spec | None = None
    claim: Claim | None = None
    started: Started | None = None
    ended: Ended | None = None


NOTHING = Record()
