"""
What is settled the first time that a cluster comes up: settings, ports, agents.

It stands in files; a later `up` may add agents, and changes nothing else.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

import psutil
from attrs import frozen

from galaxy.client import exits
from galaxy.client.command import Failure
from galaxy.client.ensemble import check
from galaxy.client.local.ground import write_whole
from galaxy.client.local.plan import (
    AgentShare,
    Layout,
    agents_from,
    agents_text,
    free_ports,
    more_agents,
    settings_text,
)
from galaxy.settings import Settings, read_settings


@frozen
class Wish:
    """What the command line asked for; None: nothing."""

    agents: int | None = None
    port: int | None = None
    millicores: int | None = None
    memory_bytes: int | None = None
    nexus: str | None = None
    masters: int | None = None


def settled_settings(layout: Layout, wish: Wish) -> Settings:
    """Those of the cluster; written on the first time, and then never changed."""
    if not layout.settings.exists():
        nexus = wish.nexus or f"leveldb:{layout.directory / 'nexus'}"
        count = wish.masters or 1
        if count > 1 and nexus.startswith("leveldb:"):
            raise Failure(
                exits.USAGE,
                "several masters need a nexus they can share: --nexus zookeeper://HOSTS/CHROOT",
            )
        if nexus.startswith("zookeeper:"):
            check(nexus, vacant=True)  # before it is written down that the cluster lives there
        if wish.port is not None and not _is_free(wish.port):
            raise Failure(exits.FAILED, f"port {wish.port} is taken: name another with --port")
        ports = free_ports(layout, _is_free, wish.port)
        masters = [f"127.0.0.1:{next(ports)}" for _ in range(count)]
        write_whole(layout.settings, settings_text(masters, nexus), private="@" in nexus)
    settings = read_settings(layout.settings)
    if not settings.nexus:
        raise Failure(
            exits.USAGE,
            f'{layout.settings} names no nexus: write nexus = "leveldb:PATH" there, or remove the'
            " file to begin anew",
        )
    _refuse_changes(layout, settings, wish)
    return settings


def _refuse_changes(layout: Layout, settings: Settings, wish: Wish) -> None:
    masters = settings.masters or (settings.master.listen,)
    for option, asked, have in (
        ("--port", wish.port, int(settings.master.listen.rpartition(":")[2])),
        ("--masters", wish.masters, len(masters)),
    ):
        if asked is not None and asked != have:
            raise _changed(layout, f"{option} {asked}", str(have))
    if wish.nexus is not None and wish.nexus != settings.nexus:
        from galaxy.nexus.places import without_password

        asked_for, has = without_password(wish.nexus), without_password(settings.nexus)
        has = has if has != asked_for else "another password"
        raise _changed(layout, f"--nexus {asked_for}", has)


def _changed(layout: Layout, asked: str, have: str) -> Failure:
    return Failure(
        exits.USAGE,
        f"{asked}: {layout.settings} says {have}."
        " Change it there while the cluster is down, or name another --dir",
    )


def known_agents(layout: Layout) -> tuple[AgentShare, ...]:
    """The agents that the cluster has already. Raises `Failure`."""
    try:
        return agents_from(layout.agents.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise Failure(exits.FAILED, f"{layout.agents} cannot be read: {error}") from error


def settled_agents(
    layout: Layout, wish: Wish, known: tuple[AgentShare, ...], masters: Sequence[str]
) -> tuple[AgentShare, ...]:
    """Those that are known, and as many more as are wished for."""
    count = max(len(known), wish.agents or 1)
    if count == len(known):
        return known
    taken = [*masters, *(agent.endpoint for agent in known)]
    above = max(int(address.rpartition(":")[2]) for address in taken) + 1
    agents = more_agents(
        known,
        count,
        layout=layout,
        ports=free_ports(layout, _is_free, above),
        machine=((os.cpu_count() or 1) * 1000, psutil.virtual_memory().total),
        millicores=wish.millicores or 0,
        memory_bytes=wish.memory_bytes or 0,
    )
    write_whole(layout.agents, agents_text(agents))
    return agents


def passed_over(wish: Wish, known: Sequence[AgentShare]) -> str:
    """What of a wish does nothing since the agents are settled; empty: nothing. Pure."""
    if not known:
        return ""
    parts = []
    if wish.agents is not None and wish.agents < len(known):
        parts.append(f"--agents {wish.agents} (there are {len(known)}, and they stay)")
    if (wish.agents or 0) <= len(known):
        shares = (("--millicores", wish.millicores), ("--memory", wish.memory_bytes))
        parts += [f"{option} (there is no new agent)" for option, asked in shares if asked]
    return f"ignored: {', '.join(parts)}" if parts else ""


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
