"""
What a service consists of, told as data: the generated `services` module is
made of these, and both ends of a connection read them.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from google.protobuf.message import Message


@frozen
class Method:
    """One method: its name on the wire ("Master.SubmitJob") and its messages."""

    wire_name: str
    python_name: str
    request: type[Message]
    response: type[Message]
    streams: bool = False


@frozen
class Service:
    """A service and its methods, in the order of the .proto file."""

    name: str
    methods: tuple[Method, ...]


@frozen
class Served:
    """A service and the object that answers for it."""

    service: Service
    implementation: Any
