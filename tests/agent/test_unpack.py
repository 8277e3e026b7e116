"""Archives, decent and hostile, unpacked by the very process that gce runs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent import unpack


def tar(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    """A tar of files, or of whatever members are given."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            info.mode = 0o755
            archive.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A member that is not a file."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


class UnpackTests(SynchronousTestCase):
    """The unpacking process."""

    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()
        self.workspace = self.base / "workspace"
        self.workspace.mkdir(parents=True)

    def run_unpack(self, archive: bytes, *more: str) -> subprocess.CompletedProcess[str]:
        """Unpack as gce would; how it ended."""
        path = self.base / "package"
        path.write_bytes(archive)
        command = [sys.executable, "-I", "-S", unpack.__file__]
        return subprocess.run(
            [*command, str(path), str(self.workspace), *more],
            capture_output=True,
            text=True,
            check=False,
        )

    def assert_refused(self, archive: bytes, word: str) -> None:
        """It fails in one line that says why, and nothing is outside of the workspace."""
        ended = self.run_unpack(archive)
        self.assertEqual(ended.returncode, 1)
        self.assertIn(word, ended.stderr)
        self.assertEqual(ended.stderr.count("\n"), 1, ended.stderr)
        outside = sorted(path.name for path in self.base.iterdir())
        self.assertEqual(outside, ["package", "workspace"])

    def test_kinds(self) -> None:
        """Tar, plain and compressed in each way, with its permissions."""
        plain = tar(("bin/serve", b"#!/bin/sh\n"))
        for pack in (bytes, gzip.compress, bz2.compress, lzma.compress):
            ended = self.run_unpack(pack(plain))
            self.assertEqual((ended.returncode, ended.stderr), (0, ""))
            file = self.workspace / "bin/serve"
            self.assertEqual(file.read_bytes(), b"#!/bin/sh\n")
            self.assertTrue(file.stat().st_mode & stat.S_IXUSR)
            file.unlink()

    def test_zip(self) -> None:
        """Zip, with its permissions."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            info = zipfile.ZipInfo("bin/serve")
            info.external_attr = (stat.S_IFREG | 0o755) << 16
            archive.writestr(info, "#!/bin/sh\n")
        self.assertEqual(self.run_unpack(out.getvalue()).returncode, 0)
        self.assertTrue((self.workspace / "bin/serve").stat().st_mode & stat.S_IXUSR)

    def test_no_archive(self) -> None:
        """What is no archive, or half of one, is refused in words."""
        whole = gzip.compress(tar(("file", os.urandom(100_000))))
        for data in (b"", b"hello", b"PK\x03\x04 not a zip", whole[:-5000]):
            self.assert_refused(data, "damaged")

    def test_out_of_it(self) -> None:
        """Names and links that lead out are refused, by `..` or from the root."""
        link = special("link", tarfile.SYMTYPE, "../../outside")
        hard = special("hard", tarfile.LNKTYPE, "../outside")
        for archive in (tar(("../outside", b"x")), tar(link), tar(hard)):
            self.assert_refused(archive, "refused")
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as package:
            package.writestr("../outside", "x")
        self.assert_refused(out.getvalue(), "refused")

    def test_out_by_links_that_stand(self) -> None:
        """What is judged is where a name ends by the links that are there, not how it reads."""
        deep = special("deep", tarfile.SYMTYPE, "a/b")
        directory = special("a/b", tarfile.DIRTYPE)
        directory.mode = 0o755
        self.assert_refused(tar(directory, deep, ("deep/../../../out", b"x")), "leads out")
        self.assert_refused(
            tar(directory, deep, special("up", tarfile.SYMTYPE, "deep/../../..")), "out of it"
        )
        ended = self.run_unpack(tar(directory, deep, ("deep/../in", b"x")))
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))

    def test_devices(self) -> None:
        """Devices and pipes are refused."""
        for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            self.assert_refused(tar(special("device", kind)), "refused")

    def test_setuid(self) -> None:
        """A file does not keep the right to act as its owner."""
        info = tarfile.TarInfo("su")
        info.mode = 0o4755
        self.assertEqual(self.run_unpack(tar(info)).returncode, 0)
        self.assertFalse((self.workspace / "su").stat().st_mode & stat.S_ISUID)

    def test_as_user(self) -> None:
        """As root, it shuts itself in and becomes the user before it reads the archive."""
        os.chown(self.workspace, 65534, -1)
        ended = self.run_unpack(gzip.compress(tar(("a/b", b"x"))), "nobody")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertEqual((self.workspace / "a/b").stat().st_uid, 65534)

    def test_zip_as_user(self) -> None:
        """The same for zip, which needs more of the library."""
        os.chown(self.workspace, 65534, -1)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/b", "x")
        ended = self.run_unpack(out.getvalue(), "nobody")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertEqual((self.workspace / "a/b").stat().st_uid, 65534)

    def test_no_account(self) -> None:
        """An account that is not there is named."""
        ended = self.run_unpack(tar(("a", b"")), "no-such-account")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("no-such-account", ended.stderr)

    if os.geteuid() != 0:
        test_as_user.skip = "only root can give up rights"  # type: ignore[attr-defined]
        test_zip_as_user.skip = "only root can give up rights"  # type: ignore[attr-defined]
        test_no_account.skip = "only root can give up rights"  # type: ignore[attr-defined]
