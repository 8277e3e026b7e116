"""Files of pods as people and scripts see them. Pure."""

from __future__ import annotations

import stat

from galaxy.client.layout import Column, Listing, Row, moment, plain, size
from galaxy.names import printable
from galaxy.protocol.agent_pb2 import FileEntry

_TYPES = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "link": stat.S_IFLNK}


def file(entry: FileEntry) -> Row:
    """One row. Bytes that are no text, and such as a terminal obeys, are escaped."""
    return {
        "name": printable(entry.name),
        "kind": entry.kind,
        "size": entry.size,
        "mode": f"{entry.mode:04o}",
        "owner": entry.owner,
        "modified": entry.modified,
        "target": printable(entry.target),
    }


def _mode(row: Row) -> str:
    if row["kind"] not in _TYPES:
        return "?" + stat.filemode(int(row["mode"], 8))[1:]
    return stat.filemode(_TYPES[row["kind"]] | int(row["mode"], 8))


def _name(row: Row) -> str:
    if row["kind"] == "directory":
        return f"{row['name']}/"
    return f"{row['name']} -> {row['target']}" if row["target"] else str(row["name"])


FILES = Listing(
    name="name",
    columns=(
        Column("mode", _mode),
        Column("owner", plain("owner")),
        Column("size", size("size")),
        Column("modified", moment("modified")),
        Column("name", _name),
    ),
)
