"""
What the nexus keeps of machines and of operators' orders: keys, bytes, and back. Pure.
Which keys: `galaxy.stored`.

Law: what is read back is what was written.
"""

from __future__ import annotations

from collections.abc import Iterable

from galaxy.nexus.interfaces import Delete, Put
from galaxy.protocol.master_pb2 import StoredAgent, StoredCluster, StoredLabel, StoredSafeMode
from galaxy.stored import CLUSTER, SAFE_MODE, agent_key, label_key


def agent_put(agent: StoredAgent) -> Put:
    """The write that admits an agent, or changes what is kept of it."""
    return Put(agent_key(agent.endpoint), agent.SerializeToString())


def read_agent(value: bytes) -> StoredAgent:
    """An admitted agent."""
    return StoredAgent.FromString(value)


def label_change(label: str, endpoints: Iterable[str]) -> Put | Delete:
    """The write after which these carry the label, and no others."""
    record = StoredLabel(label=label, endpoints=sorted(endpoints))
    key = label_key(label)
    return Put(key, record.SerializeToString()) if record.endpoints else Delete(key)


def read_label(value: bytes) -> StoredLabel:
    """Who carries a label."""
    return StoredLabel.FromString(value)


def safe_mode_put(actor: str, now: float) -> Put:
    """The write that keeps safe mode on until somebody ends it."""
    record = StoredSafeMode(manual=True, actor=actor, time=now)
    return Put(SAFE_MODE, record.SerializeToString())


def succession_put(actor: str, above: int, now: float) -> Put:
    """The write that ends safe mode, and has every reign up to that epoch stand again."""
    record = StoredSafeMode(actor=actor, time=now, above=above)
    return Put(SAFE_MODE, record.SerializeToString())


def safe_mode_delete() -> Delete:
    """The write that ends what was entered by hand."""
    return Delete(SAFE_MODE)


def read_safe_mode(value: bytes) -> StoredSafeMode:
    """Who entered safe mode by hand, and when."""
    return StoredSafeMode.FromString(value)


def cluster_put(identity: str) -> Put:
    """The write that says which cluster a nexus is of."""
    return Put(CLUSTER, StoredCluster(id=identity).SerializeToString())


def read_cluster(value: bytes) -> str:
    """Which cluster a nexus is of."""
    return StoredCluster.FromString(value).id
