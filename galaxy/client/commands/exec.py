"""
`exec` and `attach`: a command in a running task, straight from the agent that runs it.

The master only tells where the pod is. The exit code is the command's own; of a command
that a signal ended, 128 and the signal's number.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
from contextlib import ExitStack

import click

from galaxy.client import exits, terminal
from galaxy.client.command import ClusterCommand, Failure, named, told
from galaxy.client.conversation import Conversation
from galaxy.client.places import endpoint_of, pod_named
from galaxy.client.session import Session
from galaxy.client.stdout import StdoutLost
from galaxy.protocol.agent_pb2 import ExecItem, ExecRequest
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kRpcError

_COMMAND = "galaxy.command"
_STDIN, _STDOUT = 0, 1


class _WithCommand(ClusterCommand):
    """A command line with another one after `--`, of which nothing is ours."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the other one aside."""
        ours, others = args, list[str]()
        if "--" in args:
            place = args.index("--")
            ours, others = args[:place], args[place + 1 :]
        ctx.meta[_COMMAND] = others
        return super().parse_args(ctx, ours)


@click.command("exec", cls=_WithCommand, options_metavar="[-i] [-t]")
@click.option("-i", "--interactive", is_flag=True, help="Pass stdin on to it.")
@click.option("-t", "--terminal", "with_terminal", is_flag=True, help="Give it a terminal.")
@click.argument("pod", type=named)
@click.argument("task", required=False, default="", metavar="[TASK] -- COMMAND...")
@click.pass_context
def exec_command(
    context: click.Context, *, interactive: bool, with_terminal: bool, pod: str, task: str
) -> None:
    """Run a command in a task of a pod; exit with its code."""
    command: list[str] = context.meta[_COMMAND]
    if not command:
        raise click.UsageError("write -- and then the command; for a shell: galaxy attach POD")
    try:
        "".join(command).encode()
    except UnicodeEncodeError:
        raise click.UsageError("the command is not UTF-8") from None
    request = ExecRequest(
        task=task, command=command, interactive=interactive, terminal=with_terminal
    )
    context.exit(_talk(context.obj, pod, request))


@click.command("attach", cls=ClusterCommand)
@click.argument("pod", type=named)
@click.argument("task", required=False, default="")
@click.pass_context
def attach_command(context: click.Context, *, pod: str, task: str) -> None:
    """Open a shell in a task of a pod."""
    request = ExecRequest(task=task, interactive=True, terminal=True)
    context.exit(_talk(context.obj, pod, request))


def _talk(session: Session, wanted: str, request: ExecRequest) -> int:
    """Run it; its exit code."""
    pod = pod_named(session, wanted)
    request.pod_id = pod.pod_id
    request.session = secrets.token_hex(16)
    peer = session.dial_agent(endpoint_of(pod))
    try:
        with ExitStack() as stack:
            conversation = Conversation(peer, request, _write)
            if request.interactive:
                conversation.stdin = _STDIN if sys.stdin is not None else _nothing()
            if request.terminal:
                _sit_down(conversation, session, stack)
            end = conversation.run()
    except GalaxyError as error:
        if error.status != kRpcError:
            raise
        reason = f"the session with {pod.pod_id} is over, and the command with it: {error.reason}"
        raise Failure(exits.FAILED, reason) from error
    finally:
        peer.close()
    return _code(end)


def _sit_down(conversation: Conversation, session: Session, stack: ExitStack) -> None:
    """Have the terminal here behave like the one there."""
    stdin, request = conversation.stdin, conversation.request

    def size() -> tuple[int, int]:
        sizes = map(terminal.size, (_STDIN, _STDOUT))
        return next(filter(all, sizes), (0, 0))

    request.rows, request.columns = size()
    request.term = session.environ.get("TERM", "")
    numbers = [signal.SIGWINCH]
    if stdin is None:
        numbers.append(signal.SIGINT)  # no key is read here: what it means is passed on
    conversation.size = size
    conversation.signals = stack.enter_context(terminal.readable_signals(*numbers))
    if stdin is not None:
        stack.enter_context(terminal.ended_by_signals())
        stack.enter_context(terminal.raw(stdin))


def _nothing() -> int:
    return os.open(os.devnull, os.O_RDONLY)


def _write(data: bytes, *, stderr: bool) -> None:
    out = sys.stderr if stderr else sys.stdout
    try:
        out.buffer.write(data)
        out.flush()
    except OSError as error:  # of stderr: stdout says so itself
        raise StdoutLost(error) from error


def _code(end: ExecItem) -> int:
    if end.reason:
        told(f"galaxy: {end.reason}")
    return 128 + end.signal if end.signal else end.exit_code
