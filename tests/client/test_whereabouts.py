"""Flag, then environment, then file; and always the one that said so."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.whereabouts import Flags, NoAddress, Nowhere, Whereabouts, nexus_url, whereabouts
from galaxy.settings import SettingsError


class WhereaboutsTests(SynchronousTestCase):
    """Where a client looks for the master."""

    def setUp(self) -> None:
        self.top = Path(self.mktemp()).absolute()
        self.cwd, self.home = self.top / "cwd", self.top / "home"
        self.put(self.cwd / ".galaxy" / "galaxy.toml", '[master]\nlisten = "here:1"\n')
        self.put(self.home / ".config/galaxy/galaxy.toml", '[master]\nlisten = "home:1"\n')

    def put(self, path: Path, text: str) -> Path:
        """A settings file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def find(self, flags: Flags | None = None, **environ: str) -> Whereabouts:
        """What is found in this test's directories."""
        return whereabouts(flags or Flags(), environ, self.cwd, self.home)

    def test_the_order(self) -> None:
        other = str(self.put(self.top / "o.toml", '[master]\nlisten = "other:1"\n'))
        cases: list[tuple[Flags, dict[str, str], str, str]] = [
            (Flags(master="a:1", config=other), {"GALAXY_MASTER": "b:1"}, "a:1", "--master"),
            (Flags(config=other), {"GALAXY_MASTER": "b:1"}, "b:1", "GALAXY_MASTER"),
            (Flags(config=other), {"GALAXY_CONFIG": "/none"}, "other:1", f"{other} (--config)"),
            (Flags(), {"GALAXY_CONFIG": other}, "other:1", f"{other} (GALAXY_CONFIG)"),
            (Flags(), {}, "here:1", str(self.cwd / ".galaxy/galaxy.toml")),
        ]
        for flags, environ, master, origin in cases:
            with self.subTest(origin=origin):
                found = self.find(flags, **environ)
                self.assertEqual(found, Whereabouts((master,), origin))

    def test_the_nexus(self) -> None:
        """Of the cluster that would be asked; also one that only its master can open."""
        inside = self.put(self.top / "i.toml", 'nexus = "leveldb:/i"\n')
        none = self.put(self.top / "n.toml", "")
        for flags, environ, url in (
            (Flags(nexus="leveldb:/f", config=str(inside)), {"GALAXY_NEXUS": "x"}, "leveldb:/f"),
            (Flags(config=str(inside)), {"GALAXY_NEXUS": "zookeeper://z/g"}, "zookeeper://z/g"),
            (Flags(), {"GALAXY_CONFIG": str(inside)}, "leveldb:/i"),
        ):
            self.assertEqual(nexus_url(flags, environ, self.cwd, self.home), url)
        for flags in (Flags(), Flags(config=str(none))):
            with self.assertRaisesRegex(NoAddress, "names no nexus"):
                nexus_url(flags, {}, self.cwd, self.home)
        with self.assertRaisesRegex(NoAddress, "no nexus is named"):
            nexus_url(Flags(), {}, self.top, self.top)

    def test_the_home_directory_comes_after_the_current_one(self) -> None:
        (self.cwd / ".galaxy" / "galaxy.toml").unlink()
        self.assertEqual(self.find().masters, ("home:1",))

    def test_several_masters(self) -> None:
        self.assertEqual(self.find(Flags(master="a:1, b:2")).masters, ("a:1", "b:2"))
        text = 'nexus = "zookeeper://z/g"\nmasters = ["a:1", "b:1"]\n'
        path = self.put(self.top / "s.toml", text)
        self.assertEqual(self.find(Flags(config=str(path))).masters, ("a:1", "b:1"))

    def test_an_ensemble_is_known_beside_the_masters_or_alone(self) -> None:
        url = "zookeeper://z/g"
        alone = self.put(self.top / "alone.toml", f'nexus = "{url}"\n')
        both = self.put(self.top / "both.toml", f'nexus = "{url}"\nmasters = ["a:1"]\n')
        for flags, masters in (
            (Flags(nexus=url), ()),
            (Flags(config=str(alone)), ()),
            (Flags(config=str(both)), ("a:1",)),
        ):
            with self.subTest(flags=flags):
                found = self.find(flags)
                self.assertEqual((found.masters, found.nexus), (masters, url))

    def test_what_cannot_be_used_is_said(self) -> None:
        cases = [
            (Flags(master="host"), "--master: 'host' is not an address"),
            (Flags(nexus="leveldb:/x"), "only its master can read"),
            (Flags(nexus="etcd://a/b"), "is no nexus"),
            (Flags(nexus="etcd://ann:secret@a/b"), "'etcd://ann:...@a/b' is no nexus"),
        ]
        for flags, sentence in cases:
            with self.subTest(flags=flags):
                error = self.assertRaises(Nowhere, self.find, flags)
                self.assertIn(sentence, str(error))
        self.assertRaises(SettingsError, self.find, Flags(config="/none"))

    def test_nothing_at_all_names_every_place(self) -> None:
        error = self.assertRaises(
            Nowhere, whereabouts, Flags(), {}, self.top / "none", self.top / "none"
        )
        for word in ("--master", "GALAXY_CONFIG", ".galaxy/galaxy.toml", "/etc/galaxy", "up"):
            self.assertIn(word, str(error))
