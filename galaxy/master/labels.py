"""
Which agents carry which labels by an operator's word. Pure.

What an agent's own settings give it is not here: the agent says it itself, and an
agent has both. Agents that nobody has heard of yet may be named: they have the
label when they come.
"""

from __future__ import annotations

from collections.abc import Iterable

from galaxy.descriptions import is_label
from galaxy.protocol.addresses import parse_address
from galaxy.protocol.master_pb2 import LabelAgentsRequest, kLabelRemove, kLabelSet
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status

NOBODY: frozenset[str] = frozenset()


class Labels:
    """Labels and the endpoints that carry them, found from either side."""

    def __init__(self) -> None:
        self._carriers: dict[str, frozenset[str]] = {}
        self._carried: dict[str, frozenset[str]] = {}

    def carriers(self, label: str) -> frozenset[str]:
        """The endpoints that carry a label."""
        return self._carriers.get(label, NOBODY)

    def carried(self, endpoint: str) -> frozenset[str]:
        """The labels of an endpoint."""
        return self._carried.get(endpoint, NOBODY)

    def put(self, label: str, endpoints: Iterable[str]) -> frozenset[str]:
        """These carry the label, and no others. The endpoints for which that is a change."""
        before, after = self.carriers(label), frozenset(endpoints)
        if after:
            self._carriers[label] = after
        else:
            self._carriers.pop(label, None)
        for endpoint in after - before:
            self._carried[endpoint] = self.carried(endpoint) | {label}
        for endpoint in before - after:
            rest = self.carried(endpoint) - {label}
            if rest:
                self._carried[endpoint] = rest
            else:
                del self._carried[endpoint]
        return before ^ after


def check_labelling(asked: LabelAgentsRequest) -> None:
    """
    Refuse what makes no sense; GalaxyError(kInputError).

    Above all a label set on nobody: Galaxy 2's command did that when its file was
    empty, and the label was gone from the cluster.
    """
    if not is_label(asked.label):
        raise GalaxyError(
            Status.kInputError,
            f"{asked.label!r} is no label: 1 to 64 characters without spaces and commas",
        )
    if asked.change not in {kLabelSet, kLabelRemove}:
        raise GalaxyError(Status.kInputError, "is the label to be set or to be removed?")
    if asked.change == kLabelSet and not asked.endpoints:
        raise GalaxyError(
            Status.kInputError, "which agents? To take a label from everybody, remove it"
        )
    for endpoint in asked.endpoints:
        try:
            parse_address(endpoint)
        except ValueError as error:
            raise GalaxyError(Status.kInputError, str(error)) from error


def carriers_after(asked: LabelAgentsRequest, before: frozenset[str]) -> frozenset[str]:
    """Who carries the label once a sound request was carried out."""
    named = frozenset(asked.endpoints)
    if asked.change == kLabelSet:
        return named
    return before - named if named else NOBODY
