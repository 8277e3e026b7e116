"""
What the URL of a nexus says. Pure.

    leveldb:PATH                                        inside the one master
    zookeeper://HOST[:PORT],.../CHROOT[?session_s=10]   an ensemble
    zookeeper://USER:PASSWORD@HOST,.../CHROOT           with ZooKeeper's digest ACL

What cannot be used raises `CannotOpen`; its sentence never holds a password.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from attrs import field, frozen

from galaxy.nexus.interfaces import CannotOpen

DEFAULT_PORT = 2181
DEFAULT_SESSION_S = 10.0

_FORMS = "write leveldb:PATH or zookeeper://HOST:PORT,.../CHROOT"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_CHROOT_PART = re.compile(r"[A-Za-z0-9._-]+")


@frozen
class LevelDBPlace:
    """A directory."""

    path: Path


@frozen
class ZooKeeperPlace:
    """
    An ensemble: "host:port" of its servers, and the node below which all is
    kept ("/galaxy"; "": the root). With a user, only that user may read and write.
    """

    hosts: tuple[str, ...]
    chroot: str
    user: str = ""
    password: str = field(default="", repr=False)
    session_s: float = DEFAULT_SESSION_S

    def __str__(self) -> str:
        user = f"{self.user}:...@" if self.user else ""
        return f"zookeeper://{user}{','.join(self.hosts)}{self.chroot}"


Place = LevelDBPlace | ZooKeeperPlace


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    return re.sub(r"^([^:]*:/*[^:/@]*):.*@", r"\1:...@", url, flags=re.DOTALL)


def parse_nexus_url(url: str) -> Place:
    """What a URL says. Raises `CannotOpen`."""
    scheme, colon, rest = url.partition(":")
    if not url:
        raise CannotOpen("the nexus", "no URL of one was given", _FORMS)
    if colon and scheme == "leveldb":
        if not rest or rest.startswith("//"):
            raise _bad(url, "it names no directory", "write leveldb:PATH, as in leveldb:/var/lib/x")
        return LevelDBPlace(Path(rest))
    if colon and scheme == "zookeeper" and rest.startswith("//"):
        return _zookeeper(url, rest[2:])
    raise _bad(url, "it is not the URL of a nexus", _FORMS)


def _zookeeper(url: str, rest: str) -> ZooKeeperPlace:
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    if "@" in path:
        raise _bad(url, "a / stands before the @", "write %2F for a / in USER or PASSWORD")
    credentials, _, servers = authority.rpartition("@")
    user, colon, password = credentials.partition(":")
    if credentials and not (user and colon and password):
        raise _bad(url, "before the @ stands no USER:PASSWORD", "write both, or neither")
    parts = path.split("/") if path else []
    if any(part in {".", ".."} or not _CHROOT_PART.fullmatch(part) for part in parts):
        raise _bad(url, f"/{path} is not a path of nodes", "write one such as /galaxy")
    return ZooKeeperPlace(
        tuple(_host(url, server) for server in servers.split(",")),
        slash + path if path else "",
        unquote(user),
        unquote(password),
        _session_s(url, query),
    )


def _host(url: str, server: str) -> str:
    match = _HOST.fullmatch(server)
    if match is None or not 0 < int(match[2] or DEFAULT_PORT) < 65536:
        raise _bad(
            url, f"{server!r} is not HOST or HOST:PORT", "name the servers, joined by commas"
        )
    return f"{match[1]}:{match[2] or DEFAULT_PORT}"


def _session_s(url: str, query: str) -> float:
    options = dict(parse_qsl(query, keep_blank_values=True))
    text = options.pop("session_s", str(DEFAULT_SESSION_S))
    if options:
        raise _bad(url, f"there is no option {min(options)!r}", "the one option is session_s")
    try:
        session_s = float(text)
    except ValueError:
        session_s = 0.0
    if not 0.5 <= session_s <= 600:
        raise _bad(url, f"session_s={text} is no time-out", "give seconds, from 0.5 to 600")
    return session_s


def _bad(url: str, cause: str, remedy: str) -> CannotOpen:
    return CannotOpen(without_password(url), cause, remedy)
