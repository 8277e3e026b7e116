"""`nexus`: what the nexus holds is moved, kept, put back and examined, without a master."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from galaxy.client import exits, sentences
from galaxy.client.command import ClusterCommand, Command, Failure, Output, shaped
from galaxy.client.layout import Row
from galaxy.client.session import Session
from galaxy.client.whereabouts import nexus_url

_force = click.option("--force", is_flag=True, help="Replace what is there.")


@click.group("nexus")
def nexus_command() -> None:
    """Move, keep and examine what a cluster stands on."""


@nexus_command.command("copy", cls=Command)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@_force
@shaped
@click.pass_obj
def copy_command(
    session: Session, *, source: str, target: str, force: bool, output: Output
) -> None:
    """
    Move all that a nexus holds to another.

    FROM and TO are URLs: leveldb:PATH, zookeeper://HOSTS/CHROOT. No master may run on either.
    """
    from galaxy.client.housework import in_reactor, name_of, opened, see_to
    from galaxy.nexus.house import move

    places = see_to(source, there=True), see_to(target, there=False)
    if places[0] == places[1]:
        raise Failure(exits.USAGE, f"{name_of(places[0])} cannot be moved to itself")

    async def work(reactor: Any) -> Row:
        async with opened(source, reactor) as old, opened(target, reactor) as new:
            found = await move(old, new, reactor, replace=force)
            return {
                "from": old.name,
                "to": new.name,
                "keys": len(found.values),
                "bytes": sum(map(len, found.values.values())),
                "epoch": found.epoch,
            }

    document = in_reactor(work)
    output.show(session, sentences.COPIED, lambda: document)


@nexus_command.command("backup", cls=ClusterCommand)
@click.argument("places", nargs=-1, required=True, metavar="[FROM] FILE")
@shaped
@click.pass_obj
def backup_command(session: Session, *, places: tuple[str, ...], output: Output) -> None:
    """
    Write all that a nexus holds to a file.

    FROM is its URL, by default that of the cluster. On ZooKeeper masters may run meanwhile.
    """
    from galaxy.client.housework import in_reactor, opened, see_to
    from galaxy.client.local.ground import write_whole
    from galaxy.nexus.backup import Backup, written
    from galaxy.nexus.house import whole

    if len(places) > 2:
        raise click.UsageError("write [FROM] FILE, and no more")
    url = places[0] if len(places) == 2 else _named(session)
    see_to(url, there=True)

    async def work(reactor: Any) -> Backup:
        async with opened(url, reactor) as house:
            found = await whole(house)
            return Backup(found.values, found.epoch, session.clock(), house.name)

    backup = in_reactor(work)
    path = session.cwd / places[-1]
    write_whole(path, written(backup), private=True)
    output.show(session, sentences.BACKED_UP, lambda: {"file": str(path), **_told(backup)})


@nexus_command.command("restore", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("target", metavar="TO")
@_force
@shaped
@click.pass_obj
def restore_command(
    session: Session, *, file: Path, target: str, force: bool, output: Output
) -> None:
    """
    Put what a backup holds into a nexus.

    TO is a URL. No master may run on it; those that are started then begin in safe mode.
    """
    from attrs import evolve

    from galaxy.client.housework import in_reactor, opened, read_backup, see_to
    from galaxy.nexus.house import restore
    from galaxy.protocol.master_pb2 import StoredSafeMode
    from galaxy.stored import SAFE_MODE

    path = session.cwd / file
    backup = read_backup(path)
    see_to(target, there=False)
    # What was submitted since is not known: nothing is to be ended before somebody has looked.
    mode = StoredSafeMode(manual=True, actor="galaxy nexus restore", time=session.clock())
    careful = evolve(backup, values={**backup.values, SAFE_MODE: mode.SerializeToString()})

    async def work(reactor: Any) -> str:
        async with opened(target, reactor) as house:
            await restore(house, careful, reactor, replace=force)
            return house.name

    name = in_reactor(work)
    output.show(
        session, sentences.RESTORED, lambda: {"file": str(path), **_told(backup), "nexus": name}
    )


@nexus_command.command("adopt", cls=ClusterCommand)
@click.argument("cluster")
@click.argument("place", required=False, metavar="[URL]")
@shaped
@click.pass_obj
def adopt_command(session: Session, *, cluster: str, place: str | None, output: Output) -> None:
    """
    Have the agents of another cluster obey this nexus, and its own no more.

    CLUSTER is as `galaxy status` there and the agents' logs say. No master may run on the
    nexus; those that are started then begin in safe mode.
    """
    from galaxy.client.housework import in_reactor, opened, see_to
    from galaxy.nexus.house import amend, whole
    from galaxy.nexus.interfaces import Put
    from galaxy.protocol.master_pb2 import StoredCluster, StoredSafeMode
    from galaxy.stored import CLUSTER, SAFE_MODE, identity_of

    if not re.fullmatch(r"[0-9a-f]{16}", cluster):
        raise Failure(exits.USAGE, f"{cluster!r} is no cluster: that is 16 digits, as in 0f...")
    url = place or _named(session)
    see_to(url, there=True)
    mode = StoredSafeMode(manual=True, actor="galaxy nexus adopt", time=session.clock())
    changes = [
        Put(CLUSTER, StoredCluster(id=cluster).SerializeToString()),
        Put(SAFE_MODE, mode.SerializeToString()),
    ]

    async def work(reactor: Any) -> Row:
        async with opened(url, reactor) as house:
            before = identity_of((await whole(house)).values)
            await amend(house, changes, reactor)
            return {"nexus": house.name, "cluster_id": cluster, "before": before}

    document = in_reactor(work)
    output.show(session, sentences.ADOPTED, lambda: document)


@nexus_command.command("check", cls=ClusterCommand)
@click.argument("place", required=False, metavar="[URL | FILE]")
@shaped
@click.pass_obj
def check_command(session: Session, *, place: str | None, output: Output) -> None:
    """
    Look whether all that a nexus or a backup holds is sound.

    By default the cluster's nexus. Exits with 1 if it is not.
    """
    from galaxy.client.housework import in_reactor, opened, read_backup, see_to
    from galaxy.client.soundness import SOUNDNESS, document
    from galaxy.nexus.house import Held, held

    url = place or _named(session)
    if url.startswith(("leveldb:", "zookeeper:")):
        see_to(url, there=True)

        async def work(reactor: Any) -> tuple[str, Held]:
            async with opened(url, reactor) as house:
                return house.name, await held(house)

        name, found = in_reactor(work)
        if not (found.values or found.epoch):
            raise Failure(exits.NOT_FOUND, f"there is no nexus at {name}")
    else:
        backup = read_backup(session.cwd / url)
        name, found = str(session.cwd / url), Held(backup.values, backup.epoch)
    row = document(name, found)
    output.show(session, SOUNDNESS, lambda: row)
    if row["problems"] or row["unfinished"]:
        raise click.exceptions.Exit(exits.FAILED)


def _named(session: Session) -> str:
    """The nexus of the cluster."""
    return nexus_url(session.flags, session.environ, session.cwd, session.home)


def _told(backup: Any) -> Row:
    return {
        "nexus": backup.origin,
        "keys": len(backup.values),
        "bytes": sum(map(len, backup.values.values())),
        "epoch": backup.epoch,
        "time": backup.time,
    }
