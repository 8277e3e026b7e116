"""
A warning for what is tried again and again: given when it begins to fail, not while it goes on.
"""

from __future__ import annotations

from attrs import define, field
from twisted.logger import Logger


@define
class Complaint:
    """`text` names {error}."""

    log: Logger
    text: str
    _made: bool = field(default=False, init=False)

    def make(self, error: Exception) -> None:
        """It failed."""
        if not self._made:
            self.log.warn(self.text, error=error)
        self._made = True

    def withdraw(self) -> None:
        """It worked."""
        self._made = False
