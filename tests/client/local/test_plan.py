"""What a local cluster consists of, told by its directory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.local.plan import (
    AgentShare,
    Layout,
    agents_from,
    agents_text,
    daemons,
    free_ports,
    more_agents,
    settings_text,
)
from galaxy.settings import parse_settings

HERE = Layout(Path("/srv/c"))
ONE = AgentShare("127.0.0.1:5001", "20000-20199")


def option(command: tuple[str, ...], name: str) -> str | None:
    """The value of an option of a command; None if it is not given."""
    return command[command.index(name) + 1] if name in command else None


class LayoutTests(SynchronousTestCase):
    """Where things are."""

    def test_files_are_below_the_directory(self) -> None:
        self.assertEqual(HERE.settings, Path("/srv/c/galaxy.toml"))
        self.assertEqual(HERE.pidfile("agent-0"), Path("/srv/c/run/agent-0.pid"))
        self.assertEqual(HERE.logfile("master"), Path("/srv/c/log/master.log"))

    def test_two_directories_share_no_name_and_no_ports(self) -> None:
        """Safety: two clusters of one machine do not meet."""
        other = Layout(Path("/srv/d"))
        self.assertNotEqual(HERE.name, other.name)
        self.assertNotEqual(next(self.all_free(HERE)), next(self.all_free(other)))

    def test_a_directory_too_deep_for_sockets_has_them_elsewhere(self) -> None:
        deep = Layout(Path("/srv") / ("x" * 100))
        self.assertEqual(HERE.sockets(Path("/tmp"), 1), HERE.run)
        self.assertEqual(deep.sockets(Path("/tmp"), 1), Path("/tmp") / deep.name)

    def test_ports_begin_below_those_of_pods(self) -> None:
        for number in range(200):
            first = next(self.all_free(Layout(Path(f"/srv/{number}"))))
            self.assertTrue(10000 <= first < 19900)

    def test_taken_ports_are_passed_over(self) -> None:
        ports = free_ports(HERE, lambda port: port % 2 == 0, start=7)
        self.assertEqual((next(ports), next(ports)), (8, 10))

    def all_free(self, layout: Layout) -> Iterator[int]:
        """The ports of a cluster on an idle machine."""
        return free_ports(layout, lambda _: True)


class SharesTests(SynchronousTestCase):
    """Who gets how much of the machine."""

    def agents(self, known: tuple[AgentShare, ...], wanted: int, **asked: int) -> list[AgentShare]:
        """The agents on a machine of 4 cores and 8 GiB and a quarter."""
        return list(
            more_agents(
                known,
                wanted,
                layout=HERE,
                ports=count(6000),
                machine=(4000, (8 << 30) + (256 << 20)),
                **asked,
            )
        )

    def test_the_only_agent_sees_for_itself(self) -> None:
        (agent,) = self.agents((), 1)
        self.assertEqual((agent.millicores, agent.memory_bytes), (0, 0))

    def test_several_share_alike(self) -> None:
        shares = {(agent.millicores, agent.memory_bytes) for agent in self.agents((), 2)}
        self.assertEqual(shares, {(2000, 4 << 30)})

    def test_what_is_asked_for_is_for_each(self) -> None:
        agents = self.agents((), 2, millicores=500, memory_bytes=1 << 30)
        shares = [(agent.millicores, agent.memory_bytes) for agent in agents]
        self.assertEqual(shares, [(500, 1 << 30)] * 2)

    def test_known_agents_stay_as_they_are(self) -> None:
        self.assertEqual(self.agents((ONE,), 3)[0], ONE)
        self.assertEqual(self.agents((ONE, ONE), 1), [ONE, ONE])

    def test_no_two_agents_pick_from_the_same_ports(self) -> None:
        agents = self.agents((), 10)
        self.assertEqual(len({agent.dynamic_ports for agent in agents}), 10)
        self.assertEqual(len({agent.endpoint for agent in agents}), 10)

    def test_what_is_written_can_be_read(self) -> None:
        agents = tuple(self.agents((), 3))
        self.assertEqual(agents_from(agents_text(agents)), agents)
        for text in ("", "{}x", "[1]", '[{"port": 1}]'):
            self.assertRaises(ValueError, agents_from, text)


class DaemonsTests(SynchronousTestCase):
    """The commands that are run."""

    def test_the_order_and_the_names(self) -> None:
        planned = daemons(HERE, HERE.run, ["a:1", "a:2"], [ONE, ONE])
        self.assertEqual(
            [daemon.name for daemon in planned],
            ["master", "master-1", "scheduler", "agent-0", "agent-1"],
        )

    def test_an_agent_is_told_its_own(self) -> None:
        *_, agent = daemons(HERE, HERE.run, ["a:1"], [ONE, ONE])
        command = agent.command(HERE)
        expected = {
            "--pidfile": "/srv/c/run/agent-1.pid",
            "--config": "/srv/c/galaxy.toml",
            "--endpoint": "127.0.0.1:5001",
            "--data-dir": "/srv/c/agent-1",
            "--cgroup": f"{HERE.name}/agent-1",
            "--gce-pidfile": "/srv/c/run/gce-1.pid",
            "--millicores": None,
        }
        self.assertEqual({name: option(command, name) for name in expected}, expected)

    def test_no_command_line_names_the_nexus(self) -> None:
        """Safety: its URL may hold a password, which `ps` would show to everybody."""
        for daemon in daemons(HERE, HERE.run, ["a:1", "a:2"], [ONE]):
            self.assertNotIn("--nexus", daemon.command(HERE))
            self.assertEqual(option(daemon.command(HERE), "--config"), "/srv/c/galaxy.toml")

    def test_the_settings_say_where_masters_listen(self) -> None:
        settings = parse_settings(settings_text(["a:1"], "leveldb:/x y"), "x")
        self.assertEqual((settings.master.listen, settings.masters), ("a:1", ()))
        self.assertEqual(settings.nexus, "leveldb:/x y")
        several = parse_settings(settings_text(["a:1", "a:2"], "zookeeper://z"), "x")
        self.assertEqual(several.masters, ("a:1", "a:2"))
