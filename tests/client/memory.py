"""A cluster for the command line that is a dictionary: addresses, methods, answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field
from click.testing import CliRunner, Result
from google.protobuf.message import Message
from zope.interface import implementer

from galaxy.client.cli import cli
from galaxy.client.session import Session
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.interfaces import IBlockingPeer
from galaxy.protocol.master_pb2 import JobOverview, ShowJobResponse
from galaxy.protocol.methods import Method
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.wire_pb2 import Hello

Answer = Callable[[Any], Any]


JOB = """{
  "name": "x", "type": "kLongRun", "replica": 2, "user": "u",
  "pod": {
    "requirement": {"millicores": 100, "memory": "64M"},
    "tasks": [{"source_type": "kSourceTypeCommand", "binary": "", "start_command": "true"}]
  }
}"""
"""A job file without a mistake."""


def in_turn(*answers: Any) -> Answer:
    """One answer after the other; the last one for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


X = in_turn(ShowJobResponse(job=JobOverview(job_id="x_1", name="x")))
"""What `x` means, to a command that changes it."""


class Items:
    """The items of a stream, and then its error if it has one."""

    def __init__(self, items: list[Any]) -> None:
        self._items: Iterator[Any] = iter(items)

    def __iter__(self) -> Items:
        return self

    def __next__(self) -> Any:
        item = next(self._items)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self._items = iter(())


@implementer(IBlockingPeer)
@define
class MemoryPeer:
    """One address: what it answers to each method."""

    answers: Mapping[str, Answer]
    asked: list[tuple[str, Message]] = field(factory=list)
    hello: Hello = field(factory=lambda: Hello(role="master"))
    closed: int = 0
    attended: dict[int, Callable[[], None]] = field(factory=dict)

    def call(self, method: Method, request: Message, *, deadline_s: float, epoch: int = 0) -> Any:
        self.asked.append((method.python_name, request))
        if method.python_name not in self.answers:
            raise GalaxyError(pb.kUnknownMethod, f"there is no {method.wire_name}")
        return self.answers[method.python_name](request)

    def stream(self, method: Method, request: Message, *, epoch: int = 0) -> Items:
        return Items(self.call(method, request, deadline_s=0, epoch=epoch))

    def begin(
        self, method: Method, request: Message, answered: Callable[[Message | GalaxyError], None]
    ) -> None:
        try:
            answered(self.call(method, request, deadline_s=0))
        except GalaxyError as error:
            answered(error)

    def attend(self, descriptor: int, ready: Callable[[], None]) -> None:
        self.attended[descriptor] = ready

    def ignore(self, descriptor: int) -> None:
        self.attended.pop(descriptor, None)

    def close(self) -> None:
        self.closed += 1

    def asked_for(self) -> list[tuple[str, Message]]:
        """What was asked, without the ids that are never the same."""
        for _, request in self.asked:
            if "request_id" in request.DESCRIPTOR.fields_by_name:
                request.ClearField("request_id")
        return self.asked


@define
class MemoryCluster:
    """Peers by address, and a session whose sleep moves its clock."""

    peers: dict[str, MemoryPeer] = field(factory=dict)
    now: float = 1000.0
    wall_ahead: float = 0.0  # of the clock that tells how long something takes
    ensemble: dict[str, str | None] = field(factory=dict)
    dialled: list[str] = field(factory=list)

    @classmethod
    def with_master(cls, **answers: Answer) -> MemoryCluster:
        """One master, at the address that `run` asks."""
        return cls({"m:1": MemoryPeer(answers)})

    def dial(self, address: str, timeout_s: float = 5.0) -> MemoryPeer:
        self.dialled.append(address)
        if address not in self.peers:
            raise GalaxyError(pb.kRpcError, f"{address}: Connection refused")
        return self.peers[address]

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def session(self, **environ: str) -> Session:
        nowhere = Path("/nonexistent")
        return Session(
            dial=self.dial,
            environ=environ,
            cwd=nowhere,
            home=nowhere,
            sleep=self.sleep,
            clock=lambda: self.now + self.wall_ahead,
            elapsed=lambda: self.now,
            ensemble=lambda url: self.ensemble[url],
        )

    def run(self, *arguments: str, stdin: str = "", **environ: str) -> Result:
        """What `galaxy ARGUMENTS` says and how it ends, with the master at m:1."""
        session = self.session(**{"GALAXY_MASTER": "m:1", **environ})
        return CliRunner().invoke(cli, arguments, input=stdin, obj=session)


def refuse(status: pb.Status, reason: str) -> Answer:
    """An answer that is none."""

    def answer(_request: Any) -> Any:
        raise GalaxyError(status, reason)

    return answer
