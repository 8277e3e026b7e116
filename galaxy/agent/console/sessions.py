"""
Commands that people run in tasks: begun, fed, listened to, and ended with their session.

A session lasts as long as its call. When the caller goes, the command and what it
began is ended; when the agent goes, the next one does that, as soon as it sees what
runs: a command without a session is abandoned (`galaxy.agent.console.abandoned`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from galaxy import names
from galaxy.agent.bell import Bell
from galaxy.agent.book import Book
from galaxy.agent.console.abandoned import Abandoned
from galaxy.agent.console.channels import IChannel, IChannels, Window
from galaxy.agent.console.descriptors import NoReader
from galaxy.agent.console.requests import PREFIX, request_of, told, told_end
from galaxy.agent.containers import IContainers
from galaxy.agent.launch import Launcher
from galaxy.agent.pods import task_state
from galaxy.agent.records import End, Phase, Pod
from galaxy.agent.steps import Execute, Process
from galaxy.agent.tasks import main_name
from galaxy.agent.workspaces import Workspaces
from galaxy.protocol.agent_pb2 import (
    ExecItem,
    ExecRequest,
    FeedExecRequest,
    FeedExecResponse,
    TaskChange,
)
from galaxy.protocol.interfaces import IPeer
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import (
    TaskState,
    kAgentError,
    kBusy,
    kConflict,
    kDeadline,
    kInputError,
    kNotFound,
    kPodNotFound,
    kRpcError,
)

MOST_SESSIONS = 100
MOST_INPUT = 1 << 20  # bytes of one FeedExec
_PATIENCE_S = 600.0
_WINDOW = Window(24, 80)
_SIGKILL = 9

Send = Callable[[ExecItem], Awaitable[None]]


@define(eq=False)
class _Session:
    """A command, and who listens to it."""

    pod: Pod
    number: int
    name: str
    command: tuple[str, ...]
    actor: str
    peer: IPeer
    bell: Bell
    channel: IChannel
    began: bool = False
    feeding: bool = False
    waiting: list[Deferred[None]] = field(factory=list)

    @property
    def container(self) -> str:
        return self.pod.key.container(self.number)

    def begin(self) -> None:
        """The command runs: its input may come."""
        self.channel.began()
        self.began = True
        self.wake()

    def wake(self) -> None:
        """Have those look again who wait for the beginning."""
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            if not each.called:
                each.callback(None)


class Sessions:
    """The commands of this machine. `note` is told of their beginnings and ends."""

    _log = Logger()

    def __init__(
        self,
        *,
        book: Book,
        containers: IContainers,
        launcher: Launcher,
        workspaces: Workspaces,
        channels: IChannels,
        note: Callable[[TaskChange], None],
        clock: IReactorTime,
    ) -> None:
        self._book = book
        self._containers = containers
        self._launcher = launcher
        self._workspaces = workspaces
        self._channels = channels
        self._note = note
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._abandoned = Abandoned(containers, self._names, clock)
        self._last_number = 0

    async def run(self, request: ExecRequest, peer: IPeer, send: Send) -> None:
        """Run a command, send what it writes, and how it ended."""
        session = self._open(request, peer)
        self._sessions[request.session] = session
        end: End | None = None
        try:
            await self._begin(session, request.term)
            self._tell(session, f"{told(session.command)} was begun in it")
            end = await self._follow(session, send)
        finally:
            del self._sessions[request.session]
            session.channel.close()
            session.wake()
            if session.began:
                self._tell(session, told_end(session.command, end))
            self._abandoned.end(session.container, session.name)
        self._containers.forget(session.container, session.name)
        await send(
            ExecItem(ended=True, exit_code=end.exit_code, signal=end.signal, reason=end.failure)
        )

    async def feed(self, request: FeedExecRequest, peer: IPeer) -> FeedExecResponse:
        """Input of a command; answers when it has gone."""
        if len(request.stdin) > MOST_INPUT:
            raise GalaxyError(kInputError, f"at most {MOST_INPUT} bytes of input at once")
        session = self._fed(request.session, peer)
        if request.rows and request.columns:
            session.channel.resize(Window(request.rows, request.columns))
        if not (request.stdin or request.eof):
            return FeedExecResponse()
        if session.feeding:
            raise GalaxyError(kBusy, "there is input already that has not gone")
        session.feeding = True
        try:
            if not session.began:
                begun: Deferred[None] = Deferred()
                session.waiting.append(begun)
                await begun
                self._fed(request.session, peer)
            if request.stdin:
                await session.channel.write(request.stdin)
            if request.eof:
                session.channel.end_input()
        except NoReader:
            raise GalaxyError(kNotFound, "the command takes no more input") from None
        finally:
            session.feeding = False
        return FeedExecResponse()

    def changed(self, containers: Iterable[str] | None) -> None:
        """Processes changed; None: any may have."""
        chosen = None if containers is None else set(containers)
        for session in list(self._sessions.values()):  # whoever is rung may end at once
            if chosen is None or session.container in chosen:
                session.bell.ring()
        self._abandoned.changed(chosen)

    def stop(self) -> None:
        """End nothing from now on: the next agent does."""
        self._abandoned.stop()

    def _names(self) -> set[str]:
        return {session.name for session in self._sessions.values()}

    def _open(self, request: ExecRequest, peer: IPeer) -> _Session:
        if not request.session or request.session in self._sessions:
            raise GalaxyError(kConflict, f"there is a session {request.session!r} already")
        if len(self._sessions) >= MOST_SESSIONS:
            reason = f"{MOST_SESSIONS} commands are run in pods of this machine already"
            raise GalaxyError(kBusy, reason)
        pod, number, main = self._running(request.pod_id, request.task)
        window = Window(request.rows or _WINDOW.rows, request.columns or _WINDOW.columns)
        bell = Bell(self._clock)
        try:
            channel = self._channels.open(
                pod.user,
                window if request.terminal else None,
                interactive=request.interactive,
                ring=bell.ring,
                task=main,
            )
        except (OSError, KeyError) as error:
            raise GalaxyError(kAgentError, f"no ends for the command: {error}") from error
        # A name runs once, also under the next agent.
        self._last_number = max(self._last_number + 1, int(self._clock.seconds() * 1000))
        name = f"{PREFIX}{self._last_number}"
        command = tuple(request.command)
        actor = request.actor or peer.hello.name
        return _Session(pod, number, name, command, actor, peer, bell, channel)

    def _running(self, pod_id: str, task: str) -> tuple[Pod, int, Process]:
        """A task whose main process runs, and that."""
        pod, number = self._task(pod_id, task)
        task_id = names.task_id(pod_id, number)
        picture = self._containers.picture
        if picture is None:
            raise GalaxyError(kBusy, "what runs on this machine is not known yet: try again")
        record = pod.tasks[number]
        process = picture.get(pod.key.container(number), {}).get(main_name(record))
        if record.phase is not Phase.RUNNING or process is None or process.end is not None:
            state = TaskState.Name(task_state(record)).removeprefix("kTask")
            because = f" ({record.reason})" if record.reason else ""
            raise GalaxyError(kConflict, f"task {task_id} does not run: it is {state}{because}")
        return pod, number, process

    def _task(self, pod_id: str, task: str) -> tuple[Pod, int]:
        try:
            slot = names.parse_pod_id(pod_id)
        except ValueError as error:
            raise GalaxyError(kInputError, str(error)) from error
        key = self._book.slots.get(slot)
        if key is None:
            raise GalaxyError(kPodNotFound, f"pod {pod_id} is not on this machine")
        pod = self._book.pods[key]
        for number in range(len(pod.tasks)):
            if task in {"", str(number), names.task_id(pod_id, number)}:
                return pod, number
        raise GalaxyError(kNotFound, f"pod {pod_id} has no task {task!r}")

    async def _begin(self, session: _Session, term: str) -> None:
        pod, number = session.pod, session.number
        main = self._launcher.request(
            pod,
            self._book.description(pod),
            Execute(number, main_name(pod.tasks[number])),
            self._workspaces.places(pod.home),
            None,
        )
        ends = session.channel.ends()
        request = request_of(main, session.name, session.command, ends, term)
        try:
            await self._containers.execute(request)
        except GalaxyError as error:
            # Of the caller's connection to us nothing is wrong.
            status = kAgentError if error.status in {kRpcError, kDeadline} else error.status
            raise GalaxyError(status, f"the command cannot be run: {error.reason}") from error
        end = self._end(session)
        if end is not None and end.failure:
            raise GalaxyError(kAgentError, f"the command cannot be run: {end.failure}")
        session.begin()

    async def _follow(self, session: _Session, send: Send) -> End:
        while True:
            # Looked up before: what it wrote before its end is taken after this.
            end = self._end(session)
            stdout, stderr = session.channel.take()
            if stdout or stderr:
                await send(ExecItem(stdout=stdout, stderr=stderr))
            elif end is not None:
                return end
            else:
                await session.bell.wait(_PATIENCE_S)

    def _end(self, session: _Session) -> End | None:
        picture = self._containers.picture
        if picture is None:
            return None
        process = picture.get(session.container, {}).get(session.name)
        if process is None:
            return End(signal=_SIGKILL, failure="the task was taken away, and the command with it")
        return process.end

    def _fed(self, name: str, peer: IPeer) -> _Session:
        session = self._sessions.get(name)
        if session is None or session.peer is not peer:
            raise GalaxyError(kNotFound, "the command takes no more input: it has ended")
        return session

    def _tell(self, session: _Session, what: str) -> None:
        key = session.pod.key
        task_id = names.task_id(key.pod_id, session.number)
        self._log.info("{actor}, {task}: {what}", actor=session.actor, task=task_id, what=what)
        self._note(
            TaskChange(
                job_id=key.job_id,
                index=key.index,
                task=session.number,
                reason=what,
                actor=session.actor,
            )
        )
