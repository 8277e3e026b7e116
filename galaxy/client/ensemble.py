"""
Who leads, asked of ZooKeeper by a command that waits.

Called when no master that is known by address answers: a session with the ensemble
costs more than dialling three masters. kazoo is imported then, and its threads end here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from galaxy.client import exits

if TYPE_CHECKING:
    from galaxy.nexus.places import ZooKeeperPlace

CONNECT_S = 5.0
"""How long an ensemble may take to answer, before that is said."""


class EnsembleFailure(Exception):
    """The ensemble cannot say who leads; why and what to do, and an exit code."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def leader_endpoint(url: str) -> str | None:
    """
    Where the leader listens; None: there will be one soon. Raises `EnsembleFailure`.
    """
    from kazoo.exceptions import NoNodeError

    from galaxy.nexus.znodes import Damaged, Layout, parse_leader

    place = _place(url)
    layout = Layout(place.chroot)
    with _session(place) as client:
        try:
            data, _ = client.get(layout.leader)
            return parse_leader(data)[0].endpoint
        except Damaged as error:
            raise EnsembleFailure(exits.FAILED, f"{place}/leader: {error}") from error
        except NoNodeError:
            pass
        try:
            if client.get_children(layout.election):
                return None
        except NoNodeError as error:
            raise EnsembleFailure(
                exits.UNREACHABLE,
                f"no master has ever stood at {place}: is {place.chroot or '/'} right?",
            ) from error
        raise EnsembleFailure(
            exits.UNREACHABLE, f"no master runs, says {place}: start one; all that is kept is there"
        )


def check(url: str, *, vacant: bool = False) -> None:
    """
    See that an ensemble can be used, before daemons are started on it. As `leader_endpoint`.

    `vacant`: by masters that are new there; others may have been, and none may stand now.
    """
    from kazoo.exceptions import NoNodeError

    from galaxy.nexus.znodes import Layout

    place = _place(url)
    with _session(place) as client:
        if place.chroot and client.exists(place.chroot) is not None:
            client.get_children(place.chroot)
        try:
            stand = client.get_children(Layout(place.chroot).election)
        except NoNodeError:
            return
    if vacant and stand:
        raise EnsembleFailure(
            exits.USAGE,
            f"a cluster runs at {place} already: {len(stand)} of its masters stand for election"
            " there. Name another chroot, or the --dir of that cluster",
        )


def _place(url: str) -> ZooKeeperPlace:
    from galaxy.nexus.interfaces import CannotOpen
    from galaxy.nexus.places import ZooKeeperPlace, parse_nexus_url, without_password

    try:
        place = parse_nexus_url(url)
    except CannotOpen as error:
        raise EnsembleFailure(exits.USAGE, str(error)) from error
    if not isinstance(place, ZooKeeperPlace):
        shown = without_password(url)
        raise EnsembleFailure(
            exits.USAGE, f"{shown} is no ensemble: write zookeeper://HOSTS/CHROOT"
        )
    return place


@contextmanager
def _session(place: ZooKeeperPlace) -> Iterator[Any]:
    """A session; whatever goes wrong in it becomes an `EnsembleFailure`."""
    from kazoo.client import KazooClient
    from kazoo.exceptions import KazooException, NoAuthError
    from kazoo.handlers.threading import KazooTimeoutError
    from kazoo.retry import KazooRetry

    logger = logging.getLogger("galaxy.client.kazoo")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    client = KazooClient(
        hosts=",".join(place.hosts),
        timeout=CONNECT_S,
        auth_data=[("digest", f"{place.user}:{place.password}")] if place.user else None,
        connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.5),
        logger=logger,
    )
    try:
        client.start(timeout=CONNECT_S)
        yield client
    except NoAuthError as error:
        raise EnsembleFailure(
            exits.NOT_ALLOWED, f"{place} does not let us: check user and password in its URL"
        ) from error
    except (KazooTimeoutError, KazooException) as error:
        raise EnsembleFailure(
            exits.UNREACHABLE,
            f"{place} does not answer within {CONNECT_S:g} s: are its servers there, and most of"
            " them running?",
        ) from error
    finally:
        client.stop()
        client.close()
