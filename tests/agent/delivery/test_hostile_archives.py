"""Archives as only an enemy makes them: whatever they hold, they are harmless or refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.delivery import unpack
from galaxy.agent.delivery.unpack import Unusable, deploy
from tests.agent.delivery.test_unpack import tar

PIECES = st.sampled_from(["a", "b", "c", "..", ".", ""])
PATHS = st.lists(PIECES, min_size=1, max_size=4).map("/".join)
KINDS = st.sampled_from(
    [
        tarfile.REGTYPE,
        tarfile.REGTYPE,
        tarfile.DIRTYPE,
        tarfile.SYMTYPE,
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CHRTYPE,
    ]
)


@st.composite
def members(draw: st.DrawFn) -> tarfile.TarInfo:
    """A member of an archive that was made to do harm."""
    info = tarfile.TarInfo(draw(PATHS))
    info.type = draw(KINDS)
    info.linkname = draw(PATHS)
    info.mode = draw(st.sampled_from([0o644, 0o4755, 0o2777, 0o000, 0o1777]))
    return info


class HostileTests(SynchronousTestCase):
    """Laws of unpacking, safety all of them."""

    def setUp(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="galaxy-hostile-"))
        self.addCleanup(shutil.rmtree, self.base)

    def around(self) -> Path:
        """An empty workspace, with something beside it that is nobody's business."""
        shutil.rmtree(self.base)
        workspace = self.base / "x" / "workspace"
        workspace.mkdir(parents=True)
        for outside in (self.base / "a", self.base / "x" / "b"):
            outside.write_text("outside")
        return workspace

    def outside(self) -> list[tuple[str, str]]:
        """All that is not below the workspace."""
        return [
            (str(path.relative_to(self.base)), path.read_text())
            for path in sorted(self.base.rglob("*"))
            if path.is_file() and (self.base / "x" / "workspace") not in path.parents
        ]

    @settings(deadline=None, max_examples=300)
    @given(st.lists(members(), max_size=8))
    def test_nothing_gets_out(self, hostile: list[tarfile.TarInfo]) -> None:
        """
        What was taken is files, directories, and links that stay inside, without special
        rights; what was refused has left nothing; and nothing outside has changed.
        """
        workspace = self.around()
        before = self.outside()
        try:
            deploy(io.BytesIO(tar(*hostile)), str(workspace))
        except Unusable:
            self.assertEqual(list(workspace.iterdir()), [])
        for path in _below(workspace):
            mode = path.lstat().st_mode
            self.assertTrue(stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))
            if not stat.S_ISLNK(mode):
                self.assertFalse(mode & 0o7000, path)
            inside = Path(os.path.realpath(path))
            self.assertTrue(inside == workspace or workspace in inside.parents, path)
        self.assertEqual(self.outside(), before)

    @settings(deadline=None, max_examples=300)
    @given(
        st.sampled_from([bytes, gzip.compress, bz2.compress, lzma.compress]),
        st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
        st.integers(0, 10_000),
    )
    def test_damage(self, pack: object, hits: list[tuple[int, int]], cut: int) -> None:
        """However an archive is damaged, it is unpacked, or is refused in words."""
        whole = tar(("bin/a", b"#!/bin/sh\n"), ("b" * 150, os.urandom(600)), ("c", b""))
        data = bytearray(pack(whole))  # type: ignore[operator]
        for place, value in hits:
            data[place % len(data)] = value
        workspace = self.around()
        try:
            deploy(io.BytesIO(bytes(data[: len(data) - cut % len(data)])), str(workspace))
        except Unusable as error:
            self.assertTrue(str(error))
            self.assertEqual(list(workspace.iterdir()), [])


def _below(directory: Path) -> Iterator[Path]:
    for where, directories, files in os.walk(directory):
        for name in (*directories, *files):
            yield Path(where) / name


class ShutInTests(SynchronousTestCase):
    """What unpacks, when it is shut in."""

    skip = None if os.geteuid() == 0 else "only root can shut a process in"

    def test_modules_of_the_tasks_own(self) -> None:
        """An earlier attempt may have left some where those of the machine would be."""
        shut_in = Path(tempfile.mkdtemp(prefix="galaxy-hostile-"))
        self.addCleanup(shutil.rmtree, shut_in)
        shut_in.chmod(0o755)
        program = (
            "import encodings, os, pathlib, runpy, sys\n"
            "unpack = runpy.run_path(sys.argv[1])\n"
            "for place in (*sys.path, *encodings.__path__):\n"
            "    below = pathlib.Path(sys.argv[2] + os.path.realpath(place))\n"
            "    below.mkdir(parents=True, exist_ok=True)\n"
            "    (below / 'planted.py').write_text('print(1)')\n"
            "unpack['_shut_in'](sys.argv[2], 'nobody')\n"
            "for name in ('planted', 'encodings.planted'):\n"
            "    try:\n"
            "        __import__(name)\n"
            "    except ImportError:\n"
            "        print('none', os.getuid() != 0, os.listdir('/') != [])\n"
        )
        said = subprocess.run(
            [sys.executable, "-I", "-S", "-c", program, unpack.__file__, shut_in],
            capture_output=True,
            check=True,
        )
        self.assertEqual(b"none True True\n" * 2, said.stdout)
