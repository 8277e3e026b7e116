"""
What two ends make of each other's hello. Pure.

Releases differ on the wire while a cluster is upgraded (docs/decisions, "What is
promised while releases are mixed"). A hello says which versions of the protocol
its sender speaks, which methods it serves over this connection, and, as
`features`, what it honours of fields where silence would not do.
"""

from __future__ import annotations

from collections.abc import Iterable

from galaxy.protocol.wire_pb2 import Hello

PROTOCOL_VERSION = 3
LEAST_VERSION = 3
"""The oldest version of the protocol that this build still speaks."""


def introduction(hello: Hello, methods: Iterable[str]) -> Hello:
    """What is sent: who it is, and what it can do over this connection."""
    mine = Hello()
    mine.CopyFrom(hello)
    mine.protocol_version = PROTOCOL_VERSION
    mine.least_version = LEAST_VERSION
    mine.methods.extend(sorted(methods))
    return mine


def discord(ours: Hello, theirs: Hello) -> str:
    """Why the two cannot talk, the same at both ends but for whose words they are; empty: they can.

    An end that names no least version speaks one only.
    """
    our_least = ours.least_version or ours.protocol_version
    their_least = theirs.least_version or theirs.protocol_version
    spoken = f"protocol version {_versions(our_least, ours.protocol_version)} is spoken here"
    if theirs.protocol_version < our_least:
        return f"{spoken}, not {theirs.protocol_version}: {who(theirs)} is too old, upgrade it"
    if their_least > ours.protocol_version:
        return f"{spoken}, not {their_least}: this {who(ours)} is too old for it, upgrade this"
    return ""


def inability(theirs: Hello, method: str) -> str:
    """Why that end cannot be asked for a method that it does not have."""
    service = method.partition(".")[0]
    if theirs.methods and not any(each.startswith(f"{service}.") for each in theirs.methods):
        return f"{who(theirs)} is not one to ask for {method}"
    return (
        f"{who(theirs)}, of build {theirs.build or 'unknown'}, cannot do {method} yet: upgrade it"
    )


def who(hello: Hello) -> str:
    """Whose hello it is, for people."""
    if hello.name.startswith(hello.role):
        return hello.name or "the other end"
    return f"{hello.role} {hello.name}".strip()


def _versions(least: int, most: int) -> str:
    return str(most) if least == most else f"{least} to {most}"
