"""
All that an agent touches: its machine, its network, its clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from attrs import frozen
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IReactorTime

from galaxy.agent.console.channels import IChannels
from galaxy.agent.delivery.fetch import ISource
from galaxy.agent.gce_link import IGceSpawner
from galaxy.agent.inthread import InThread
from galaxy.agent.machine import Machine
from galaxy.agent.probes import IProbes
from galaxy.agent.storage.quotas import Weight
from galaxy.agent.storage.scales import Hidden, Weigh, Written
from galaxy.agent.users import Users
from galaxy.agent.wellness import Reading
from galaxy.nexus.database import IDatabase
from galaxy.nexus.interfaces import IDiscovery
from galaxy.protocol.interfaces import INetwork


@frozen(eq=False)
class Surroundings:
    """
    All that an agent touches: given by the tap for a machine, by tests for a Clock.

    `open_database` raises `CannotOpen`; it is called at the start, in the process
    that goes on (LevelDB's threads do not survive a fork). `disk` runs the database's
    writes, `in_thread` all other work that blocks, such as reading the machine's `condition`.
    """

    clock: IReactorTime
    rng: Random
    machine: Machine
    users: Users
    network: INetwork
    discovery: IDiscovery
    open_database: Callable[[], IDatabase]
    disk: InThread
    in_thread: InThread
    sources: Mapping[str, ISource]
    gce_address: str
    spawner: IGceSpawner
    probes: IProbes
    channels: IChannels
    condition: Callable[[], Reading] = Reading
    free_share: Callable[[], float] = lambda: 1.0  # of the data directory's disk
    foreign_port: Callable[[int], bool] = lambda _port: False
    weigh: Weigh = lambda _directory, _enough: Weight(0)
    hidden: Hidden = lambda _pods: {}
    written: Written = lambda _pods: {}
    scales: InThread = maybeDeferred
    search: InThread = maybeDeferred  # for what is hidden
    build: str = ""
