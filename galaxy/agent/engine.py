"""What a container engine of an earlier release cannot be asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from galaxy.agent.console.requests import PREFIX
from galaxy.protocol.features import BOXES, SECCOMP, STREAMS
from galaxy.protocol.gce_pb2 import DescribeResponse, ExecuteRequest
from galaxy.protocol.wire_pb2 import Hello

_MEANINGS = {
    BOXES: "put tasks in boxes",
    SECCOMP: "filter system calls",
    STREAMS: "run commands in tasks",
}


def lacking(engine: Hello, request: ExecuteRequest) -> str:
    """Why the engine cannot start this as it is meant; empty: it can."""
    return next(
        (_cannot(engine, each) for each in _needed(request) if each not in engine.features), ""
    )


def as_it_can(engine: Hello, described: DescribeResponse) -> DescribeResponse:
    """What an engine says of itself, and what it does not know that it cannot do."""
    if BOXES in engine.features or described.no_boxes:
        return described
    told = DescribeResponse()
    told.CopyFrom(described)
    told.no_boxes = _cannot(engine, BOXES)
    return told


def _needed(request: ExecuteRequest) -> Iterator[str]:
    if request.HasField("box"):
        yield BOXES
    if request.seccomp:
        yield SECCOMP
    if request.name.startswith(PREFIX):
        yield STREAMS


def _cannot(engine: Hello, feature: str) -> str:
    return (
        f"the container engine, of build {engine.build or 'unknown'}, cannot"
        f" {_MEANINGS[feature]} yet: SIGUSR1 has it become what is installed"
    )
