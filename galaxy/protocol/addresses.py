"""Addresses as people write them: "HOST:PORT", "[V6]:PORT", "unix:PATH". Pure."""

from __future__ import annotations

from attrs import frozen

_UNIX = "unix:"
_FORMS = "HOST:PORT, [V6]:PORT or unix:PATH"


@frozen
class TcpAddress:
    """A host, by name or number, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@frozen
class UnixAddress:
    """A socket in the file system."""

    path: str

    def __str__(self) -> str:
        return _UNIX + self.path


def parse_address(text: str) -> TcpAddress | UnixAddress:
    """The address; ValueError, with what is wrong, if it is none."""
    if text.startswith(_UNIX):
        if len(text) == len(_UNIX) or "\0" in text:
            raise ValueError(f"{text!r} names no path: an address is {_FORMS}")
        return UnixAddress(text.removeprefix(_UNIX))
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: a version 6 address is written [{host}]:{port}")
    if not (colon and host and port.isascii() and port.isdigit()):
        raise ValueError(f"{text!r} is no address: that is {_FORMS}")
    if int(port) > 65535:
        raise ValueError(f"{text!r}: the highest port is 65535")
    return TcpAddress(host, int(port))
