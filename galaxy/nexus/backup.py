"""
The file that holds what a nexus held: bytes, and back. Pure.

gzip over lines of JSON, so that it can be read with `zcat` when nothing of Galaxy is left:

    {"galaxy nexus backup": 1, "epoch": 7, "time": 1700000000.0, "origin": "leveldb:/x", "keys": 2}
    {"key": "jobs/web_0", "value": "BASE64"}
    {"key": "versions/web_0/1", "value": "BASE64"}
    {"sha256": "HEX of all lines above, with their ends"}

The values are the messages Stored... of galaxy/protocol/master.proto, and PodDescriptor.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Mapping

from attrs import frozen

from galaxy.nexus.keys import check_key

VERSION = 1
_TITLE = "galaxy nexus backup"
_LATEST_EPOCH = 2**63


class Damaged(Exception):
    """It is no backup, or not a whole one; the sentence says what is wrong."""


@frozen
class Backup:
    """What a nexus held at a moment. `epoch`: the highest that had begun."""

    values: Mapping[str, bytes]
    epoch: int
    time: float
    origin: str


def written(backup: Backup) -> bytes:
    """The file; equal for equal backups."""
    head = {
        _TITLE: VERSION,
        "epoch": backup.epoch,
        "time": backup.time,
        "origin": backup.origin,
        "keys": len(backup.values),
    }
    lines = [_line(head)]
    for key, value in sorted(backup.values.items()):
        lines.append(_line({"key": key, "value": base64.b64encode(value).decode("ascii")}))
    body = b"".join(lines)
    return gzip.compress(body + _line({"sha256": hashlib.sha256(body).hexdigest()}), mtime=0)


def read(data: bytes) -> Backup:
    """What a file says. Raises `Damaged`."""
    try:
        text = gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise Damaged(f"it is no backup, or cut short: {error}") from error
    body, _, last = text.rstrip(b"\n").rpartition(b"\n")
    body += b"\n"
    try:
        head, *entries = (json.loads(line) for line in body.splitlines())
        version = head[_TITLE]
        if version != VERSION:
            raise Damaged(f"it is of version {version}, this build reads {VERSION}")
        if json.loads(last)["sha256"] != hashlib.sha256(body).hexdigest():
            raise Damaged("its checksum is wrong")
        values = {e["key"]: base64.b64decode(e["value"], validate=True) for e in entries}
        epoch, time, origin = int(head["epoch"]), float(head["time"]), str(head["origin"])
        for key in values:
            check_key(key)
        whole = len(values) == len(entries) == head["keys"] and 0 <= epoch < _LATEST_EPOCH
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged("it is no backup of a nexus, or lines of it were lost or changed") from error
    if not whole:
        raise Damaged("it does not hold what its first line says")
    return Backup(values, epoch, time, origin)


def _line(document: Mapping[str, object]) -> bytes:
    return json.dumps(document).encode("ascii") + b"\n"
