"""
What every command shares: where the cluster is, the shape of answers, exit codes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from attrs import evolve, frozen

from galaxy.client import exits
from galaxy.client.ensemble import EnsembleFailure
from galaxy.client.layout import FORMATS, Listing, Sheet, laid_out
from galaxy.client.leader import Unreachable
from galaxy.client.session import Session
from galaxy.client.whereabouts import NoAddress, Nowhere
from galaxy.protocol.statuses import GalaxyError
from galaxy.settings import SettingsError

F = TypeVar("F", bound=Callable[..., Any])

_EVERY = "galaxy.every_s"
_GOOD = ("Running", "Alive", "Finished", "Finish", "Normal")
_BAD = ("Dead", "Death", "Error", "Failed", "out of memory", "safe mode")
_WAITING = ("Pending", "Deploying", "Suspend", "Terminate", "Init", "Offline")


class Failure(Exception):
    """A sentence for stderr and an exit code."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence


def named(text: str) -> str:
    """An option's type: the id or name of something. An empty one is a variable never set."""
    if not text.strip():
        raise click.BadParameter("it is empty: give an id or a name")
    return text


class Command(click.Command):
    """A command whose failures become a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            if sys.stderr.isatty():
                click.echo(err=True)  # past the ^C
            ctx.exit(exits.INTERRUPTED)
        except FAILURES as error:
            failure = failure_of(error)
            told(f"galaxy: {failure.sentence}")
            ctx.exit(failure.code)


FAILURES = (Failure, GalaxyError, EnsembleFailure, Unreachable, Nowhere, SettingsError)
"""What goes wrong without being a fault of ours."""


def failure_of(error: Exception) -> Failure:
    """One of FAILURES as a sentence and an exit code."""
    match error:
        case Failure():
            return error
        case GalaxyError():
            said = filter(None, (str(error), exits.remedy(error.status)))
            return Failure(exits.exit_code(error.status), "; ".join(said))
        case EnsembleFailure():
            return Failure(error.code, str(error))
        case SettingsError():
            return Failure(exits.FILE_WRONG, str(error))
        case NoAddress():
            return Failure(exits.USAGE, str(error))
        case _:
            return Failure(exits.UNREACHABLE, str(error))


def _remember(name: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def callback(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            session: Session = context.obj
            session.flags = evolve(session.flags, **{name: value})

    return callback


def cluster_options() -> list[click.Parameter]:
    """--master, --nexus and --config, before or after the command's name."""
    options = (
        ("master", "HOST:PORT", "Where the master listens [GALAXY_MASTER]."),
        ("nexus", "URL", "The nexus that knows the master [GALAXY_NEXUS]."),
        ("config", "FILE", "The galaxy.toml to go by [GALAXY_CONFIG]."),
    )
    return [
        click.Option(
            [f"--{name}"],
            metavar=metavar,
            help=sentence,
            expose_value=False,
            callback=_remember(name),
        )
        for name, metavar, sentence in options
    ]


class ClusterCommand(Command):
    """A command that talks to a cluster."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.params.extend(cluster_options())


@frozen
class Output:
    """How a command's answer is to be shown."""

    form: str
    every_s: float | None = None

    def show(
        self,
        session: Session,
        shape: Listing | Sheet,
        produce: Callable[[], Any],
    ) -> None:
        """Print what `produce` answers; again and again if so asked."""
        while True:
            text = laid_out(shape, produce(), self.form)
            terminal = sys.stdout.isatty()
            if self.every_s is not None and terminal:
                click.clear()
            self._print(text, terminal=terminal)
            if self.every_s is None:
                return
            session.sleep(self.every_s)

    def _print(self, text: str, *, terminal: bool) -> None:
        if terminal and self.form in {"table", "wide"}:
            from rich.console import Console
            from rich.text import Text

            painted = Text(text, no_wrap=True, overflow="ignore")
            for words, colour in ((_GOOD, "green"), (_BAD, "red"), (_WAITING, "yellow")):
                painted.highlight_words(words, colour)
            Console(soft_wrap=True, highlight=False).print(painted, end="")
        else:
            click.echo(text, nl=False)


def shaped(command: F) -> F:
    """-o, for a command that answers once; it gets `output`."""

    def make(context: click.Context, _parameter: click.Parameter, form: str) -> Output:
        return Output(form, context.meta.get(_EVERY))

    return click.option(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        default="table",
        callback=make,
        help="The shape of the answer.",
    )(command)


def reads(command: F) -> F:
    """-o and -d, for a command that reads; it gets `output`."""

    def keep(context: click.Context, _parameter: click.Parameter, every_s: float | None) -> None:
        context.meta[_EVERY] = every_s

    return click.option(
        "-d",
        "--every",
        type=click.FloatRange(min=0.1),
        metavar="SECONDS",
        is_eager=True,
        expose_value=False,
        callback=keep,
        help="Ask again every so many seconds.",
    )(shaped(command))


def told(sentence: str) -> None:
    """Say something that is not data."""
    click.echo(sentence, err=True)
