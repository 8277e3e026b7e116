"""Lines of several writers on one terminal. Pure."""

from __future__ import annotations

from attrs import define, field

LONGEST = 1 << 20


@define
class Prefixed:
    """
    Chunks in, whole lines out, each with a prefix before it.

    Without a prefix chunks pass as they are, so that a prompt shows at once and
    bytes are not touched. With one, what has no end of line yet waits for it,
    apart for each task: two tasks never share a line. A line that is longer than can
    be kept waiting is broken.
    """

    prefix: str
    _begun: dict[str, bytes] = field(factory=dict)

    def feed(self, task_id: str, data: bytes) -> bytes:
        """What may be shown now that `data` was written."""
        if not self.prefix:
            return data
        *lines, begun = (self._begun.pop(task_id, b"") + data).split(b"\n")
        if len(begun) >= LONGEST:
            lines.append(begun)
        elif begun:
            self._begun[task_id] = begun
        head = self.prefix.encode()
        return b"".join(head + line + b"\n" for line in lines)

    def rest(self) -> bytes:
        """What never got an end of line; it gets one."""
        begun, self._begun = self._begun, {}
        head = self.prefix.encode()
        return b"".join(head + line + b"\n" for line in begun.values())
