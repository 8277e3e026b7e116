"""The manhole, entered with OpenSSH's own client over a real connection."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from twisted.conch.ssh.keys import Key
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from galaxy.manhole import AuthorizedKeysFile, manhole_factory

reactor: Any = installed_reactor


class ManholeTests(TestCase):
    """`ssh -p PORT 127.0.0.1`."""

    ssh = shutil.which("ssh")
    if ssh is None:
        skip = "there is no ssh client on this machine; install openssh-client"

    def setUp(self) -> None:
        """A manhole on a free port, one key that may enter and one that may not."""
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.friend = self._user_key("friend")
        self.stranger = self._user_key("stranger")
        public = Key.fromFile(str(self.friend)).public().toString("openssh")
        (self.directory / "authorized").write_bytes(public + b"\n")
        factory = manhole_factory(
            self.directory / "authorized",
            self.directory / "state",
            {"jobs": lambda: ["web", "batch"]},
        )
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.port = port.getHost().port

    def _user_key(self, name: str) -> Path:
        path = self.directory / name
        path.write_bytes(Key(ed25519.Ed25519PrivateKey.generate()).toString("openssh"))
        path.chmod(0o600)
        return path

    def _enter(self, key: Path, *command: str) -> Deferred[tuple[bytes, bytes, int]]:
        assert self.ssh is not None
        return getProcessOutputAndValue(
            self.ssh,
            [
                *("-p", str(self.port), "-i", str(key), "-F", "none", "-T"),
                *("-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
                *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
                *("anybody@127.0.0.1", *command),
            ],
        )

    async def test_expression(self) -> None:
        """A command is a Python expression; its value is printed and the status is 0."""
        out, err, status = await self._enter(self.friend, "jobs()")
        self.assertEqual((status, out.strip()), (0, b"['web', 'batch']"), err)

    async def test_stranger(self) -> None:
        """A key that is not in the file does not enter."""
        out, _, status = await self._enter(self.stranger, "jobs()")
        self.assertEqual((status, out), (255, b""))

    async def test_host_keys_are_kept(self) -> None:
        """The keys made at the first start are private files, for the next start to find."""
        names = sorted(path.name for path in (self.directory / "state").iterdir())
        modes = {path.stat().st_mode & 0o777 for path in (self.directory / "state").iterdir()}
        self.assertEqual((names, modes), (["host_ed25519", "host_rsa"], {0o600}))

    def test_no_file_no_keys(self) -> None:
        """Without a file of authorized keys nobody enters."""
        self.assertEqual(list(AuthorizedKeysFile(Path("absent")).getAuthorizedKeys(b"x")), [])
