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

from galaxy.agent.delivery import unpack


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

    def run_unpack(
        self, archive: bytes, *more: str, most_bytes: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Unpack as gce would; how it ended."""
        path = self.base / "package"
        path.write_bytes(archive)
        command = [sys.executable, "-I", "-S", unpack.__file__]
        return subprocess.run(
            [*command, str(path), str(self.workspace), str(most_bytes), *more],
            capture_output=True,
            text=True,
            check=False,
        )

    def assert_refused(self, archive: bytes, word: str, most_bytes: int = 0) -> None:
        """It fails in one line that says why; the workspace is as it was, and all around it."""
        (self.workspace / "kept").write_bytes(b"of an earlier version")
        ended = self.run_unpack(archive, most_bytes=most_bytes)
        self.assertEqual(ended.returncode, 1)
        self.assertIn(word, ended.stderr)
        self.assertEqual(ended.stderr.count("\n"), 1, ended.stderr)
        outside = sorted(path.name for path in self.base.iterdir())
        self.assertEqual(outside, ["package", "workspace"])
        self.assertEqual([path.name for path in self.workspace.iterdir()], ["kept"])

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

    def test_links_to_links(self) -> None:
        """A hard link to a symbolic one would carry it to where it leads out."""
        deep = special("a/b/c/link", tarfile.SYMTYPE, "../../../x")
        self.assert_refused(tar(deep, special("top", tarfile.LNKTYPE, "a/b/c/link")), "no file")

    def test_link_that_cannot_be(self) -> None:
        """Where a link cannot be made, no other member is taken for it that nobody has judged."""
        later = tarfile.TarInfo("b")
        later.mode = 0o4755
        for link in (special("a", tarfile.SYMTYPE, ""), special("a", tarfile.LNKTYPE, "b")):
            self.assert_refused(tar(link, later), "package")

    def test_link_bent_later(self) -> None:
        """A link is judged once more in the end, when what it leads through is another."""
        directory = special("a/b", tarfile.DIRTYPE)
        way = special("way", tarfile.SYMTYPE, "a/b")
        link = special("link", tarfile.SYMTYPE, "way/../x")
        bent = special("way", tarfile.SYMTYPE, ".")
        self.assert_refused(tar(directory, way, link, bent), "leads out")

    def test_cut_short(self) -> None:
        """An archive that breaks off between two members is not whole, though tar would take it."""
        whole = tar(("a", b"x" * 512), ("b", b"x" * 512))
        for archive in (whole[:1024], whole[:1100], gzip.compress(whole[:1024])):
            self.assert_refused(archive, "damaged")

    def test_bit_rot(self) -> None:
        """A bit that fell over behind the last member is found by the checksum."""
        archive = bytearray(gzip.compress(tar(("a", os.urandom(5000)))))
        archive[-6] ^= 1
        self.assert_refused(bytes(archive), "damaged")

    def test_bombs(self) -> None:
        """More than the task may have, in bytes, in files, in one header, or without an end."""
        zeros = gzip.compress(tar(("zeros", bytes(10 << 20))))
        self.assert_refused(zeros, "more than 1048576 bytes", most_bytes=1 << 20)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
            package.writestr("zeros", bytes(10 << 20))
        self.assert_refused(packed.getvalue(), "more than 1048576 bytes", most_bytes=1 << 20)
        many = gzip.compress(tar(*((f"{number}/a", b"") for number in range(500))))
        self.assert_refused(many, "more than 1048576 bytes", most_bytes=1 << 20)
        header = special("x" * (2 << 20), tarfile.DIRTYPE)
        self.assert_refused(gzip.compress(tar(header)), "a header in it is too long")
        endless = gzip.compress(tar(("a", b"")) + bytes(40 << 20))
        self.assert_refused(endless, "does not end", most_bytes=1 << 20)

    def test_claims(self) -> None:
        """A file that says it is larger than any disk is refused before it is made."""
        info = tarfile.TarInfo("sparse")
        info.size = 1 << 60
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            archive.addfile(info)
        self.assert_refused(out.getvalue(), "the disk has")

    def test_too_deep(self) -> None:
        """Directories in directories have an end."""
        self.assert_refused(tar(("a/" * 300 + "b", b"")), "too deep")

    def test_names_that_cannot_be(self) -> None:
        """What is already there under its name for a while is refused in a sentence."""
        for name in (".galaxy-unpacking", "./.galaxy-unpacking", ".galaxy-unpacking/x"):
            self.assert_refused(tar(("a", b"x"), (name, b"x")), "'.galaxy-unpacking' in it")
        self.assert_refused(tar((".", b"x")), "'.' is not a file")
        for name, why in ((".", "'.' is not a file"), (".galaxy-unpacking", "in it is not")):
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as package:
                package.writestr(name, "x")
            self.assert_refused(out.getvalue(), why)

    def test_over_an_earlier_version(self) -> None:
        """What has the same name is replaced, what has not is kept, what was left over is not."""
        self.run_unpack(tar(("lib/a", b"1"), ("lib/old", b"1"), ("data", b"1")))
        (self.workspace / unpack.STAGING / "half").mkdir(parents=True)
        (self.workspace / "link").symlink_to("lib")
        ended = self.run_unpack(tar(("lib/a", b"2"), ("data/b", b"2"), ("link/c", b"2")))
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        found = {
            str(path.relative_to(self.workspace)): path.read_text()
            for path in self.workspace.rglob("*")
            if path.is_file()
        }
        self.assertEqual(found, {"lib/a": "2", "lib/old": "1", "data/b": "2", "link/c": "2"})

    def test_stopped(self) -> None:
        """One that is stopped while it unpacks leaves nothing."""
        fifo = self.base / "package"
        os.mkfifo(fifo)
        command = [sys.executable, "-I", "-S", unpack.__file__, str(fifo), str(self.workspace), "0"]
        with (
            subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process,
            fifo.open("wb"),  # it has come so far as to open the archive
        ):
            process.terminate()
            _out, told = process.communicate()
        self.assertEqual(process.returncode, 1)
        self.assertIn("stopped", told)
        self.assertEqual(list(self.workspace.iterdir()), [])

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
