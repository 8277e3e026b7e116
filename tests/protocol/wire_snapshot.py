"""
What the .proto files have promised: one line for each field, value and method.

`python -m tests.protocol.wire_snapshot` adds to wire_snapshot.txt what has come; a release
is made with that done. What is in the file is kept for ever, or its number is reserved
(docs/decisions, "What is promised while releases are mixed").
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from tests.releases import FILES

SNAPSHOT = Path(__file__).with_suffix(".txt")
_RESERVED = "reserved"


def promised(text: str) -> dict[str, str]:
    """What a snapshot says: of each number or method what it is."""
    lines = (line.partition(" = ") for line in text.splitlines() if line)
    return {what: meaning for what, _, meaning in lines}


def described() -> dict[str, str]:
    """What the .proto files say now, in the same words; and which numbers are reserved."""
    found: dict[str, str] = {}
    for module in FILES:
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            found.update(_of_message(message))
        for enum in file.enum_type:
            found.update({f"{enum.name} {value.number}": value.name for value in enum.value})
            for taken in enum.reserved_range:  # its end is the last
                numbers = range(taken.start, taken.end + 1)
                found.update({f"{enum.name} {number}": _RESERVED for number in numbers})
        for service in file.service:
            for method in service.method:
                stream = "stream " * method.server_streaming
                types = f"{_bare(method.input_type)} -> {stream}{_bare(method.output_type)}"
                found[f"{service.name}.{method.name}"] = types
    return found


def broken(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """A sentence for each promise that is not kept."""
    sentences = []
    for what, meaning in before.items():
        there = now.get(what)
        if there in {meaning, _RESERVED}:
            continue
        if there is not None:
            sentences.append(f"{what} was {meaning} and is {there}: take another number or name")
        elif " " in what:
            sentences.append(f"{what}, {meaning}, is gone: leave it, or reserve the number")
        else:
            sentences.append(f"{what} is gone, and the release before this one asks for it")
    return sentences


def text_of(meanings: Mapping[str, str]) -> str:
    """A snapshot."""
    return "".join(f"{what} = {meaning}\n" for what, meaning in meanings.items())


def _of_message(message: Any) -> Iterable[tuple[str, str]]:
    for field in message.field:
        repeated = "repeated " * (field.label == field.LABEL_REPEATED)
        kind = _bare(field.type_name) or field.Type.Name(field.type)[5:].lower()
        yield f"{message.name} {field.number}", f"{repeated}{kind} {field.name}"
    for taken in message.reserved_range:  # its end is behind the last
        for number in range(taken.start, taken.end):
            yield f"{message.name} {number}", _RESERVED


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def main() -> int:
    """Add what has come; the exit code says whether all else is as promised."""
    before = promised(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}
    now = described()
    wrong = broken(before, now)
    for sentence in wrong:
        sys.stdout.write(f"{sentence}\n")
    if not wrong:
        SNAPSHOT.write_text(text_of({**before, **now}))
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
