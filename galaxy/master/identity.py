"""
Which cluster the nexus is of, and which agents are another's.

Note: a nexus has no identity until the first agent is heard. Then it is of that agent's
cluster, if the agent has obeyed one: what was lost and begun anew, or restored from a
backup of before there were identities, goes on. Else it is of a new one. From then on the
identity is there, and goes wherever the nexus goes.
"""

from __future__ import annotations

from random import Random

from twisted.logger import Logger

from galaxy.master.cluster import Cluster
from galaxy.master.store import Store
from galaxy.master.stored_orders import cluster_put
from galaxy.master.work import Work, shared
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import AgentFacts, Status
from galaxy.stored import CLUSTER


class Identity:
    """The identity of one reign's nexus, made when it is needed first."""

    _log = Logger()

    def __init__(self, store: Store, cluster: Cluster, rng: Random) -> None:
        self._store = store
        self._cluster = cluster
        self._rng = rng
        self._making: dict[str, Work[None]] = {}
        self.strangers: set[str] = set()  # agents that were turned away

    async def admit(self, endpoint: str, facts: AgentFacts) -> None:
        """
        Let an agent in. GalaxyError: it has pods of another cluster.

        Without pods it will be ours; the reigns that it has obeyed are not ours, and forgotten.
        """
        if not self._cluster.identity:
            await self._make(facts.cluster)
        ours = self._cluster.identity
        strange = ours and facts.cluster not in ("", ours)
        if strange and facts.bound:
            reason = (
                f"agent {endpoint} has pods of cluster {facts.cluster}, and this nexus is of"
                f" cluster {ours}: one of the two is sent to the wrong nexus"
            )
            if endpoint not in self.strangers:
                self.strangers.add(endpoint)
                self._log.warn("{reason}", reason=reason)
            raise GalaxyError(Status.kConflict, reason)
        self.strangers.discard(endpoint)
        if strange:
            facts.epoch = 0

    async def _make(self, claimed: str) -> None:
        """As long as it cannot be written down, agents are told of none."""
        try:
            await shared(self._making, CLUSTER, lambda: self._write(claimed))
        except GalaxyError as error:
            if error.status != Status.kPersistenceError:
                raise
            self._log.warn("it is not known which cluster this is: {error}", error=error)

    async def _write(self, claimed: str) -> None:
        identity = claimed or f"{self._rng.getrandbits(64):016x}"
        await self._store.save([cluster_put(identity)])
        self._cluster.identity = identity
