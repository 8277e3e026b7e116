"""
An SSH shell into a live daemon: off by default, loopback, public keys only.

    ssh -p PORT 127.0.0.1            a Python prompt with the daemon's names at hand
    ssh -p PORT 127.0.0.1 'jobs()'   one expression, its value, and out

Twisted's own terminal session leaves windowChanged, eofReceived and execCommand
undone; `ManholeSession` does them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path
from typing import Any

from attrs import frozen
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from twisted.conch import manhole, manhole_ssh
from twisted.conch.checkers import (
    IAuthorizedKeysDB,
    SSHPublicKeyChecker,
    readAuthorizedKeyFile,
)
from twisted.conch.insults import insults
from twisted.conch.interfaces import IConchUser, ISession
from twisted.conch.ssh.keys import Key
from twisted.cred.portal import IRealm, Portal
from twisted.python.components import Componentized
from zope.interface import implementer


class _CapturedOutput:
    """What `manhole.ManholeInterpreter` writes to when nobody has a terminal."""

    def __init__(self) -> None:
        self.text = StringIO()

    def addOutput(self, data: str, isAsync: bool = False) -> None:
        """Called by the interpreter with each piece of output."""
        self.text.write(data if isinstance(data, str) else data.decode("utf-8", "replace"))


class ManholeSession(manhole_ssh.TerminalSession):
    """A terminal that follows its window, ends at end of file, and runs commands."""

    namespace: dict[str, Any] = {}
    terminal: insults.ServerProtocol | None = None

    def openShell(self, proto: Any) -> None:
        """Begin a prompt; each session has names of its own."""
        terminal = insults.ServerProtocol(manhole.ColoredManhole, dict(self.namespace))
        self.terminal = terminal
        self.chainedProtocolFactory = lambda: terminal  # type: ignore[assignment, misc]
        super().openShell(proto)

    def windowChanged(self, newWindowSize: tuple[int, int, int, int]) -> None:
        """Hand the new size to the line editor."""
        if self.terminal is not None and self.terminal.terminalProtocol is not None:
            rows, columns = newWindowSize[:2]
            self.terminal.terminalProtocol.terminalSize(columns, rows)

    def eofReceived(self) -> None:
        """The other side has no more to say: end the session."""
        if self.terminal is not None:
            self.terminal.loseConnection()

    def execCommand(self, proto: Any, cmd: bytes) -> None:
        """Run one line of Python and send back what it printed."""
        output = _CapturedOutput()
        interpreter = manhole.ManholeInterpreter(output, dict(self.namespace))
        incomplete = interpreter.push(cmd)
        if incomplete:
            interpreter.push(b"")
        proto.write(output.text.getvalue().encode("utf-8"))
        proto.session.conn.sendRequest(proto.session, b"exit-status", b"\0\0\0\0")
        proto.loseConnection()


@implementer(IRealm)
class _Realm(manhole_ssh.TerminalRealm):
    """Hands out `ManholeSession`s that share the names of one daemon."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        super().__init__()
        self._namespace = namespace

    def _getAvatar(self, avatarId: bytes) -> IConchUser:
        parts = Componentized()
        user = self.userFactory(parts, avatarId)
        session = ManholeSession(parts)
        session.namespace = self._namespace
        parts.setComponent(IConchUser, user)
        parts.setComponent(ISession, session)
        return user


@implementer(IAuthorizedKeysDB)
@frozen
class AuthorizedKeysFile:
    """The keys of one file in OpenSSH's format, for whatever user is named; read anew each time."""

    path: Path

    def getAuthorizedKeys(self, avatarId: bytes) -> Iterable[Key]:
        """The keys that may enter. No file, no keys."""
        try:
            with self.path.open("rb") as file:
                return list(readAuthorizedKeyFile(file))
        except FileNotFoundError:
            return []


def manhole_factory(
    authorized_keys: Path, state: Path, namespace: dict[str, Any]
) -> manhole_ssh.ConchFactory:
    """
    What answers SSH connections.

    authorized_keys: who may enter, in OpenSSH's format; whoever holds such a key
    enters, under whatever user name. state: where the host keys are kept.
    """
    checker = SSHPublicKeyChecker(AuthorizedKeysFile(authorized_keys))
    factory = manhole_ssh.ConchFactory(Portal(_Realm(namespace), [checker]))
    # With an ed25519 host key alone, OpenSSH refuses to offer RSA user keys, and the reverse.
    host_keys = {
        b"ssh-ed25519": _host_key(state / "host_ed25519", ed25519.Ed25519PrivateKey.generate),
        b"ssh-rsa": _host_key(state / "host_rsa", lambda: rsa.generate_private_key(65537, 3072)),
    }
    # conch's annotations say bytes; what it reads are keys
    factory.publicKeys = {name: key.public() for name, key in host_keys.items()}
    factory.privateKeys = host_keys  # type: ignore[assignment]
    return factory


def _host_key(path: Path, generate: Callable[[], Any]) -> Key:
    if path.exists():
        return Key.fromFile(str(path))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Key(generate())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.toString("openssh"))
    return key
