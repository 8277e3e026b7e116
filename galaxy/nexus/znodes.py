"""
How keys and values of the nexus stand in ZooKeeper's nodes. Pure.

    ROOT/epoch              the reigns: an epoch is the number in it plus its version
    ROOT/changes            the keys of the last commit, a line each; empty: many
    ROOT/leader             who reigns; ephemeral
    ROOT/election/...       who stands; ephemeral, in sequence
    ROOT/data/JOBS/=KEY     the values; JOBS is a key's first part, KEY the rest
    ROOT/blobs/ID.N         the parts of values that are too large for one request

ZooKeeper takes no request of more than about 1 MB, and a transaction is one request. So
the larger values of a commit are compressed, and when they are still too large, written
beforehand to blobs that the transaction then refers to: a switch, all at once.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from urllib.parse import quote, unquote

from attrs import frozen

from galaxy.nexus.interfaces import Leader

PART_BYTES = 512 << 10
REQUEST_BYTES = 800_000  # of ZooKeeper's 1,048,575, with room for what is not counted here
CHANGES_BYTES = 32 << 10
_WORTH_COMPRESSING = 512
_PER_OPERATION = 200  # path of the root, ACL, headers

_PLAIN, _COMPRESSED, _PLAIN_BLOB, _COMPRESSED_BLOB = b"p", b"z", b"P", b"Z"
_SAFE = "".join(chr(code) for code in range(33, 127) if chr(code) not in "%/")


class Damaged(Exception):
    """A node does not hold what Galaxy writes."""


@frozen
class Blob:
    """A value kept in parts of its own."""

    name: str
    parts: int
    compressed: bool

    def names(self) -> list[str]:
        """The nodes of the parts."""
        return [f"{self.name}.{n}" for n in range(self.parts)]


@frozen
class Layout:
    """Where everything is, below a root ("" or "/galaxy")."""

    root: str

    @property
    def epoch(self) -> str:
        """The reigns."""
        return self.root + "/epoch"

    @property
    def changes(self) -> str:
        """The last commit."""
        return self.root + "/changes"

    @property
    def leader(self) -> str:
        """Who reigns."""
        return self.root + "/leader"

    @property
    def election(self) -> str:
        """Who stands."""
        return self.root + "/election"

    @property
    def data(self) -> str:
        """The values."""
        return self.root + "/data"

    @property
    def blobs(self) -> str:
        """Parts of large values."""
        return self.root + "/blobs"

    def ground(self) -> list[str]:
        """The nodes that must exist before anything is written, parents first."""
        parts = self.root.split("/")[1:]
        parents = ["/" + "/".join(parts[: n + 1]) for n in range(len(parts))]
        return [*parents, self.epoch, self.changes, self.election, self.data, self.blobs]

    def shard(self, key: str) -> str:
        """The parent of a key's node."""
        return f"{self.data}/{_quoted(key.partition('/')[0])}"

    def node(self, key: str) -> str:
        """A key's node."""
        return f"{self.shard(key)}/={_quoted(key.partition('/')[2])}"

    def blob(self, name: str) -> str:
        """The node of a part of a blob."""
        return f"{self.blobs}/{name}"


def key_of(shard: str, name: str) -> str:
    """The key whose node has this name in this shard (a name, too)."""
    rest = unquote(name[1:])
    return f"{unquote(shard)}/{rest}" if rest else unquote(shard)


def _quoted(text: str) -> str:
    quoted = quote(text, safe=_SAFE)
    # ZooKeeper knows "." and ".." as paths do.
    return quoted.replace(".", "%2E") if quoted in {".", ".."} else quoted


def plain_head(value: bytes) -> bytes:
    """A node's data that holds the value itself."""
    if len(value) >= _WORTH_COMPRESSING:
        compressed = zlib.compress(value, 1)
        if len(compressed) < len(value):
            return _COMPRESSED + compressed
    return _PLAIN + value


def blob_of(head: bytes, name: str) -> tuple[Blob, list[bytes]]:
    """What a head that is too large becomes: a blob of this name, and its parts."""
    payload = head[1:]
    parts = [payload[at : at + PART_BYTES] for at in range(0, len(payload), PART_BYTES)]
    return Blob(name, len(parts), head[:1] == _COMPRESSED), parts


def blob_head(blob: Blob) -> bytes:
    """A node's data that refers to a blob."""
    kind = _COMPRESSED_BLOB if blob.compressed else _PLAIN_BLOB
    return kind + f"{blob.name} {blob.parts}".encode("ascii")


def parse_head(data: bytes) -> bytes | Blob:
    """The value a node's data holds, or the blob it refers to. Raises `Damaged`."""
    kind, payload = data[:1], data[1:]
    if kind in {_PLAIN, _COMPRESSED}:
        return restored(payload, compressed=kind == _COMPRESSED)
    if kind in {_PLAIN_BLOB, _COMPRESSED_BLOB}:
        name, _, parts = payload.decode("ascii", "replace").partition(" ")
        if name and parts.isdigit():
            return Blob(name, int(parts), kind == _COMPRESSED_BLOB)
    raise Damaged("it was not written by Galaxy, or by a later build")


def restored(payload: bytes, *, compressed: bool) -> bytes:
    """A value from its stored bytes. Raises `Damaged`."""
    if not compressed:
        return payload
    try:
        return zlib.decompress(payload)
    except zlib.error as error:
        raise Damaged(f"it does not decompress: {error}") from error


def too_large(nodes: Sequence[str], heads: Sequence[bytes]) -> list[int]:
    """Which of the heads must become blobs for all to fit in one transaction: the largest."""
    used = CHANGES_BYTES + sum(len(node) + _PER_OPERATION for node in nodes) + sum(map(len, heads))
    chosen = []
    for index in sorted(range(len(heads)), key=lambda n: -len(heads[n])):
        if used <= REQUEST_BYTES and len(heads[index]) <= PART_BYTES:
            break
        used -= len(heads[index])
        chosen.append(index)
    return chosen


def changes_data(keys: Sequence[str]) -> bytes:
    """What `Layout.changes` says of a commit."""
    data = "\n".join(keys).encode("ascii")
    return data if len(data) <= CHANGES_BYTES else b""


def parse_changes(data: bytes) -> list[str]:
    """The keys of the last commit; none: not known which."""
    return data.decode("ascii", "replace").split("\n") if data else []


def leader_data(leader: Leader, candidate: str) -> bytes:
    """What `Layout.leader` says; `candidate` is the name of the node it stood with."""
    record = {"endpoint": leader.endpoint, "epoch": leader.epoch, "candidate": candidate}
    return json.dumps(record).encode("ascii")


def parse_leader(data: bytes) -> tuple[Leader, str]:
    """Who reigns, and the node it stood with. Raises `Damaged`."""
    try:
        record = json.loads(data)
        return Leader(str(record["endpoint"]), int(record["epoch"])), str(record["candidate"])
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"it does not name a leader: {error!r}") from error


def next_epoch(data: bytes, version: int, above: int) -> tuple[bytes, int]:
    """
    What an election writes to `Layout.epoch`, at this version, and the epoch that it begins.

    The number that is counted from stays, unless the epoch would not be higher
    than `above`. Raises `Damaged`.
    """
    epoch = parse_epoch(data, version) + 1
    if epoch > above:
        return data, epoch
    return b"%d" % (above - version), above + 1


def parse_epoch(data: bytes, version: int) -> int:
    """The epoch that has begun. Raises `Damaged`."""
    try:
        return int(data or b"0") + version
    except ValueError as error:
        raise Damaged("it does not hold a number") from error
