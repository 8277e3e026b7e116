"""The settings file: what it says, and what it may not say."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.settings import (
    AgentSettings,
    MasterSettings,
    SchedulerSettings,
    Settings,
    SettingsError,
    parse_settings,
    read_settings,
)

FULL = """
nexus = "leveldb:/var/lib/galaxy/nexus"
masters = ["a:1", "b:1"]

[master]
listen = "0.0.0.0:7828"
agent_timeout_s = 10        # a whole number will do for a duration

[scheduler]
policy = "spread"

[agent]
labels = ["ssd"]
memory_bytes = 1024
"""

REFUSED = [
    ("nexus", "not TOML"),
    ('nexsus = "x"', "there is no setting 'nexsus'; known are"),
    ("[master]\nlisten = 3", "master.listen must be str, not 3"),
    ("[master]\nlisten_s = 3", "there is no setting 'master.listen_s'"),
    ("[agent]\nmillicores = true", "agent.millicores must be int, not True"),
    ("[agent]\nmillicores = 1.5", "agent.millicores must be int"),
    ("[agent]\nlabels = [1]", "agent.labels must be a list of strings"),
    ('[agent]\nlabels = "ssd"', "agent.labels must be a list of strings"),
    ('master = "a:1"', "master is a section, write [master]"),
]


class SettingsTests(SynchronousTestCase):
    """One file for daemons and clients."""

    def test_an_empty_file_is_the_defaults(self) -> None:
        self.assertEqual(parse_settings("", "x"), Settings())

    def test_every_section(self) -> None:
        expected = Settings(
            nexus="leveldb:/var/lib/galaxy/nexus",
            masters=("a:1", "b:1"),
            master=MasterSettings(listen="0.0.0.0:7828", agent_timeout_s=10.0),
            scheduler=SchedulerSettings(policy="spread"),
            agent=AgentSettings(labels=("ssd",), memory_bytes=1024),
        )
        self.assertEqual(parse_settings(FULL, "x"), expected)

    def test_a_mistake_names_the_file_and_the_key(self) -> None:
        for text, sentence in REFUSED:
            with self.subTest(text=text):
                error = self.assertRaises(SettingsError, parse_settings, text, "galaxy.toml")
                self.assertIn(sentence, str(error))
                self.assertTrue(str(error).startswith("galaxy.toml"))

    def test_a_file_that_cannot_be_read_is_named(self) -> None:
        error = self.assertRaises(SettingsError, read_settings, Path("/none/galaxy.toml"))
        self.assertIn("/none/galaxy.toml", str(error))
