"""One connection's calls, apart from any I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from galaxy.protocol.methods import Method

if TYPE_CHECKING:
    from galaxy.protocol.interfaces import IPeer


@frozen(eq=False)
class Call:
    """What a handler may know of the call it answers, besides the request."""

    peer: IPeer
    method: Method
    epoch: int = 0
