"""
How two job descriptions differ, field by field. Pure.

Paths are those of the messages, as people find them in their files: a suffix
that names a unit is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from google.protobuf.message import Message

from galaxy.protocol.master_pb2 import Difference

_LONGEST = 200


def differences(before: Message, after: Message, path: str = "") -> Iterator[Difference]:
    """Each field that is not the same, with its value before and after; empty: not there."""
    for field in before.DESCRIPTOR.fields:
        name = f"{path}{field.name.removesuffix('_s')}"
        first, second = getattr(before, field.name), getattr(after, field.name)
        if first == second:
            continue
        if field.message_type is None:
            yield Difference(path=name, before=_text(field, first), after=_text(field, second))
        elif field.is_repeated:
            for number, (one, other) in enumerate(zip_longest(first, second)):
                yield from _of_items(f"{name}[{number}]", one, other)
        else:
            yield from differences(first, second, f"{name}.")


def _of_items(path: str, before: Message | None, after: Message | None) -> Iterator[Difference]:
    if before is not None and after is not None:
        yield from differences(before, after, f"{path}.")
        return
    there = before if before is not None else after
    assert there is not None
    nothing = type(there)()
    yield from differences(before or nothing, after or nothing, f"{path}.")


def _text(field: Any, value: Any) -> str:
    if field.is_repeated:
        return ", ".join(_one(field, item) for item in value)
    return _one(field, value)


def _one(field: Any, value: Any) -> str:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known is not None else str(value)
    if isinstance(value, bytes):
        return _bytes(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _bytes(value: bytes) -> str:
    try:
        text = value.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if len(value) <= _LONGEST and text.isprintable():
        return text
    return f"{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()[:12]}"
