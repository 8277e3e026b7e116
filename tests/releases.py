"""
The next release, made at test time: this one's messages, and more.

Every message has a field `tomorrow` besides, every enum a value `kTomorrow`. What a
daemon of the next release would say is made of these; this release reads it with its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from galaxy.protocol import agent_pb2, gce_pb2, master_pb2, scheduler_pb2, types_pb2, wire_pb2
from galaxy.protocol.methods import Method, Service

FILES: tuple[Any, ...] = (types_pb2, agent_pb2, gce_pb2, master_pb2, scheduler_pb2, wire_pb2)
TOMORROW = 99
_FIELD = 1000


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for module in FILES:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            message.field.add(
                name="tomorrow",
                json_name="tomorrow",
                number=_FIELD,
                type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
                label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
            )
        for enum in file.enum_type:
            enum.value.add(name=f"kTomorrow{enum.name}", number=TOMORROW)
        pool.Add(file)
    return pool


_NEXT = _pool()


def of_next_release(kind: type[Message]) -> type[Any]:
    """The class of a message as the next release has it."""
    return message_factory.GetMessageClass(_NEXT.FindMessageTypeByName(kind.DESCRIPTOR.full_name))


def next_service(service: Service, *added: str) -> Service:
    """A service as the next release has it: other messages, and more methods."""
    methods = [
        Method(
            method.wire_name,
            method.python_name,
            of_next_release(method.request),
            of_next_release(method.response),
            method.streams,
        )
        for method in service.methods
    ]
    first = methods[0]
    methods += [
        Method(f"{service.name}.{name}", name.lower(), first.request, first.response)
        for name in added
    ]
    return Service(service.name, tuple(methods))


def last_service(service: Service, *without: str) -> Service:
    """A service as the last release had it: without these methods."""
    left = (each for each in service.methods if each.wire_name.partition(".")[2] not in without)
    return Service(service.name, tuple(left))


def filled(message: Any, depth: int = 4) -> Any:
    """The message with every field set to something, enums to what only the next release has."""
    for field in message.DESCRIPTOR.fields:
        value: Any
        if field.message_type is not None:
            if not depth:
                continue
            value = filled(message_factory.GetMessageClass(field.message_type)(), depth - 1)
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                getattr(message, field.name).CopyFrom(value)
            continue
        if field.enum_type is not None:
            value = TOMORROW
        else:
            value = {"string": f"{field.name}", "bytes": b"x", "bool": True}.get(_kind(field), 1)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
    return message


def marked(message: Any, path: str = "") -> Any:
    """The message, and each in it that is set, with a word of its own in its `tomorrow`."""
    message.tomorrow = path or "here"
    for field, value in message.ListFields():
        if field.message_type is not None:
            for number, item in enumerate(value if field.is_repeated else [value]):
                marked(item, f"{path}.{field.name}[{number}]")
    return message


def kinds(descriptor: Any) -> set[str]:
    """The names of a kind of message and of all that may be in one, however deep."""
    found, todo = set[str](), [descriptor]
    while todo:
        kind = todo.pop()
        if kind.name not in found:
            found.add(kind.name)
            todo += [field.message_type for field in kind.fields if field.message_type]
    return found


def tomorrows(message: Message, path: str = "") -> Iterator[tuple[str, str]]:
    """Every field of the next release that is set, by path, with what it says."""
    for field, value in message.ListFields():
        name = f"{path}.{field.name}"
        if field.message_type is not None:
            for number, item in enumerate(value if field.is_repeated else [value]):
                yield from tomorrows(item, f"{name}[{number}]")
        elif field.name == "tomorrow":
            yield name, value


def _kind(field: Any) -> str:
    names = {field.TYPE_STRING: "string", field.TYPE_BYTES: "bytes", field.TYPE_BOOL: "bool"}
    return names.get(field.type, "number")
