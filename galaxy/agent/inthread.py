"""
Work that blocks, done beside the reactor: how the agent's parts ask for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

InThread = Callable[[Callable[[], Any]], Deferred[Any]]
"""Does it in a thread; fires in the reactor's. `maybeDeferred` is one that uses no thread."""
