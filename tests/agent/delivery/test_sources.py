"""Where packages come from: against real servers on this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.delivery.fetch import FetchError, Have
from galaxy.agent.delivery.sources import FileSource, all_sources
from galaxy.agent.delivery.threads import FetchThreads
from galaxy.agent.delivery.throttle import Throttle
from tests.agent.delivery.test_http import CONTENT, Collected

reactor: Any = installed_reactor


class FileTests(SynchronousTestCase):
    """file:// URLs."""

    def setUp(self) -> None:
        self.base = Path(tempfile.mkdtemp())  # everybody gets to what is below it
        self.addCleanup(shutil.rmtree, self.base)
        self.base.chmod(0o755)
        self.data = self.base / "data"
        self.data.mkdir()
        self.source = FileSource(maybeDeferred, self.data)
        self.public = FileSource(maybeDeferred, self.data, public_only=True)

    def fetch(self, url: str, source: FileSource | None = None) -> bytes:
        """What a URL leads to."""
        sink = Collected()
        self.successResultOf((source or self.source).fetch(url, Have(), sink))
        return sink.data

    def refused(self, url: str, source: FileSource | None = None) -> FetchError:
        """Why a URL leads nowhere."""
        fetched = (source or self.source).fetch(url, Have(), Collected())
        error = self.failureResultOf(fetched, FetchError).value
        assert isinstance(error, FetchError)
        return error

    def test_copy(self) -> None:
        """A file, also with odd characters in its name."""
        path = Path(self.mktemp()).absolute()
        path.mkdir()
        (path / "a b").write_bytes(CONTENT)
        self.assertEqual(self.fetch(f"file://{path}/a%20b"), CONTENT)
        self.assertEqual(self.fetch(f"file://localhost{path}/a%20b"), CONTENT)

    def test_refused(self) -> None:
        """What is not there, is a directory, or is on another machine, is refused for good."""
        for url in ("file:///not/here", "file:///tmp", "file://elsewhere/x"):
            error = self.refused(url)
            self.assertTrue(error.final, url)
            self.assertIn(url, error.reason)

    def test_no_file(self) -> None:
        """
        What is no file is refused, and not opened: a pipe that nobody writes to would have
        kept the thread for good.
        """
        path = Path(self.mktemp()).absolute()
        os.mkfifo(path)
        for url in (f"file://{path}", "file:///dev/zero", "file:///"):
            error = self.refused(url)
            self.assertEqual((error.reason, error.final), (f"{url} is no file", True))

    def test_links(self) -> None:
        """Links are followed, also those that lead above the root."""
        path = Path(self.mktemp()).absolute()
        path.write_bytes(CONTENT)
        link = Path(self.mktemp()).absolute()
        link.symlink_to("/.." + str(path))
        self.assertEqual(self.fetch(f"file://{link}"), CONTENT)
        link.unlink()
        link.symlink_to(link)
        self.assertTrue(self.refused(f"file://{link}").final)

    def test_public_only(self) -> None:
        """An agent with root's rights fetches what everybody may read, and nothing else."""
        path = self.base / "package"
        path.write_bytes(CONTENT)
        path.chmod(0o600)
        self.assertIn(f"{path} is not for everybody (chmod a+r)", self.reason(path))
        path.chmod(0o644)
        self.assertEqual(self.fetch(f"file://{path}", self.public), CONTENT)

    def test_private_directory(self) -> None:
        """What everybody might read is not had from where not everybody gets, by any way."""
        private = self.base / "private"
        (private / "sub").mkdir(parents=True)
        path = private / "sub" / "package"
        path.write_bytes(CONTENT)
        (self.base / "link").symlink_to(path)
        (self.base / "above").symlink_to(private / "sub")
        (self.base / "public").write_bytes(CONTENT)
        ways = (
            path,
            private / ".." / "public",
            self.base / "link",
            self.base / "above" / "package",
        )
        for way in ways:
            private.chmod(0o755)
            self.assertEqual(self.fetch(f"file://{way}", self.public), CONTENT)
            private.chmod(0o750)
            self.assertIn(f"{private} is not for everybody (chmod a+x)", self.reason(way))
        self.assertIn("chmod a+x", self.reason(private / "nothing"))

    def test_data(self) -> None:
        """What the agent keeps is not to be had, whatever its mode and its name."""
        path = self.data / "package"
        path.write_bytes(CONTENT)
        (self.base / "link").symlink_to(self.data)
        for way in (path, self.base / "link" / "package", self.data / "nothing"):
            for source in (self.source, self.public):
                self.assertIn("what the agent keeps", self.refused(f"file://{way}", source).reason)

    def reason(self, path: Path) -> str:
        """Why a file is not for everybody; it is so for good."""
        error = self.refused(f"file://{path}", self.public)
        self.assertTrue(error.final)
        return error.reason

    def test_the_same(self) -> None:
        """What has not been written since does not come again."""
        path = Path(self.mktemp()).absolute()
        path.write_bytes(CONTENT)
        source, sink = self.source, Collected()
        self.successResultOf(source.fetch(f"file://{path}", Have(), sink))
        known = Have(whole=sink.tag)
        self.assertFalse(self.successResultOf(source.fetch(f"file://{path}", known, Collected())))
        path.write_bytes(CONTENT + b"more")
        self.assertTrue(self.successResultOf(source.fetch(f"file://{path}", known, Collected())))


class KindTests(SynchronousTestCase):
    """Which URLs a package may have."""

    def test_kinds(self) -> None:
        """Every kind has a source."""
        sources = all_sources(reactor, Throttle(), Path("/nowhere"))
        self.assertEqual(sorted(sources), ["file", "ftp", "http", "https"])

    def test_threads(self) -> None:
        """What may hang has threads of its own, and neither kind those of the other."""
        sources: Any = all_sources(reactor, Throttle(), Path("/nowhere"))
        theirs = (sources["file"].in_thread, sources["ftp"].in_thread)
        self.assertIsInstance(theirs[0], FetchThreads)
        self.assertIsInstance(theirs[1], FetchThreads)
        self.assertIsNot(*theirs)
