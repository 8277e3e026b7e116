"""The one error that crosses the wire: a status and a sentence."""

from __future__ import annotations

from galaxy.protocol.types_pb2 import Status
from galaxy.protocol.words import word


class GalaxyError(Exception):
    """
    A call was answered with a status other than kOk, or got no answer.

    `reason` is a sentence for people; where the fix is known it says so.
    """

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return f"{status_name(self.status)}: {self.reason}"


def status_name(status: Status) -> str:
    """The name of a status, also of one that a newer build invented."""
    return word(Status, status)
