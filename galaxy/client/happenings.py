"""
Events as people and scripts read them, and where a reader of them has got to. Pure.

The master tells of pods that changed alike in one event; here each is a row of
its own, so that one who looks for a pod finds it by its id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from attrs import define, field

from galaxy.client.layout import Column, Listing, Row, plain, when
from galaxy.names import parse_pod_id, parse_task_id, pod_id
from galaxy.protocol.master_pb2 import Event

_PREFIX = re.compile(r"k(?:Stage|Pod|Task|Job)?(?=[A-Z])")


def rows(events: Iterable[Event], pod: str = "") -> Iterator[Row]:
    """The rows of events; of a pod that is asked for, only its own."""
    index = parse_pod_id(pod)[1] if pod else None
    for event in events:
        for pod_of_event in _pods(event):
            if index is None or pod_of_event.endswith(f".{index}"):
                yield _row(event, pod_of_event)


def _pods(event: Event) -> list[str]:
    if event.indexes:
        return [pod_id(event.job_id, index) for index in event.indexes]
    if event.task_id:
        return [parse_task_id(event.task_id)[0]]
    return [""]


def _row(event: Event, pod: str) -> Row:
    return {
        "number": event.number,
        "time": event.time,
        "kind": event.kind,
        "job_id": event.job_id,
        "pod_id": pod,
        "task_id": event.task_id,
        "endpoint": event.endpoint,
        "from": event.before,
        "to": event.after,
        "reason": event.reason,
        "actor": event.actor,
        "level": event.level,
        "said": list(event.said),
    }


def subject(row: Row) -> str:
    """Whom an event befell."""
    return str(row["task_id"] or row["pod_id"] or row["job_id"] or row["endpoint"])


def change(row: Row) -> str:
    """Pending -> Running; of what only began, or changed in another respect, what it is."""
    before, after = _bare(row["from"]), _bare(row["to"])
    return f"{before} -> {after}" if before and after and before != after else after or before


def _bare(state: str) -> str:
    """kStagePending -> Pending; unset is nothing."""
    found = _PREFIX.match(state)
    word = state[found.end() :] if found else state
    return "" if word.endswith("Unset") else word


def line(row: Row) -> str:
    """An event for who watches as they come: widths are not known beforehand."""
    level = "" if row["level"] in {"", "info"} else f"{row['level']}: "
    where = f" on {row['endpoint']}" if row["endpoint"] and row["endpoint"] != subject(row) else ""
    reason = f": {row['reason']}" if row["reason"] else ""
    actor = f" ({row['actor']})" if row["actor"] else ""
    what = " ".join(part for part in (row["kind"], subject(row), change(row)) if part)
    said = "".join(f"    {line}\n" for line in row["said"])
    return f"{when(row['time'])}  {level}{what}{where}{reason}{actor}\n{said}"


EVENTS = Listing(
    name="number",
    columns=(
        Column("time", lambda row: when(row["time"])),
        Column("level", plain("level"), wide=True),
        Column("kind", plain("kind")),
        Column("subject", subject),
        Column("change", change),
        Column("endpoint", plain("endpoint")),
        Column("actor", plain("actor")),
        Column("reason", plain("reason")),
    ),
)


@define
class Reader:
    """
    Who follows events through broken connections and new leaders: what it has read.

    Numbers count within one reign, times go on through all of them. What befell
    pods on several machines comes as an event for each, with one number.
    """

    since: float
    _at_that_time: set[tuple[int, str]] = field(factory=set)

    def unread(self, events: Iterable[Event]) -> list[Event]:
        """Of the events since the last that was read, those that are new; they count as read."""
        fresh = []
        for event in events:
            name = (event.number, event.endpoint)
            if event.time == self.since and name in self._at_that_time:
                continue
            if event.time > self.since:
                self.since = event.time
                self._at_that_time.clear()
            if event.time == self.since:
                self._at_that_time.add(name)
            fresh.append(event)
        return fresh
