"""
Whether the machine is well enough for pods, from readings over a time. Pure.

For each thing that is watched there is a level, in seconds: it rises while the reading is
over its limit, and sinks while it is not. At `window_s` the machine is unwell for
that reason; at zero it is not any more. So neither a peak nor a pause in the trouble
changes anything, and recovery is believed as slowly as trouble is. The first reading
decides at once: nothing better is known of a machine whose agent has just begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve, field, frozen


@frozen
class Reading:
    """How the machine is now. Shares are of 1; None: cannot be had here."""

    cpu: float | None = None
    load: float | None = None  # processes that want a processor, for each there is
    memory: float | None = None  # not available without swapping
    disk: float | None = None  # of the fullest of the file systems that pods use
    inodes: float | None = None
    disk_errors: int = 0  # that the kernel has counted since it booted
    read_only: str = ""  # a directory that pods use, and nobody can write to
    gone: str = ""  # one that pods use, and that is not there any more


@frozen
class Limits:
    """What is too much, as in `Reading`; 0: not watched. Durations in seconds."""

    cpu: float = 0.0
    load: float = 0.0
    memory: float = 0.0
    disk: float = 0.0
    inodes: float = 0.0
    window_s: float = 60.0
    drain_after_s: float = 600.0  # unwell for so long: its pods should go


@frozen
class Level:
    """How long something has been too much, and whether it makes the machine unwell."""

    seconds: float = 0.0
    why: str = ""  # as it was when the machine became unwell; empty: it does not


@frozen
class Wellness:
    """How the machine has been. `since` is when it became unwell."""

    time: float | None = None  # of the last reading; None: there was none
    levels: Mapping[str, Level] = field(factory=dict)
    disk_errors: int = 0
    since: float = 0.0
    drain: bool = False

    @property
    def unhealthy(self) -> str:
        """Why it should take no new pods; empty: it is well."""
        return "; ".join(level.why for level in self.levels.values() if level.why)


def after(before: Wellness, reading: Reading, limits: Limits, now: float) -> Wellness:
    """How the machine is after another reading."""
    first = before.time is None
    elapsed_s = 0.0 if before.time is None else max(0.0, now - before.time)
    excesses = dict(_excesses(reading, limits))
    if not first and reading.disk_errors > before.disk_errors:
        excesses["errors"] = f"the kernel counted {reading.disk_errors} errors of its disks"
    levels = {}
    for name in sorted({*excesses, *before.levels}):
        level = before.levels.get(name, Level())
        why = excesses.get(name, "")
        if not why:
            seconds = level.seconds - elapsed_s
        elif first or name in _SUDDEN:
            seconds = limits.window_s
        else:
            seconds = min(limits.window_s, level.seconds + elapsed_s)
        if seconds >= limits.window_s and not level.why:
            level = evolve(level, why=why)
        if why or seconds > 0:
            levels[name] = evolve(level, seconds=seconds)
    found = Wellness(now, levels, reading.disk_errors)
    if not found.unhealthy:
        return found
    since = before.since if before.unhealthy else now
    return evolve(found, since=since, drain=now - since >= limits.drain_after_s)


_SUDDEN = frozenset({"errors", "gone", "read-only"})


def _excesses(reading: Reading, limits: Limits) -> Iterator[tuple[str, str]]:
    """What is too much, by name, each with a sentence."""
    shares = (
        ("cpu", reading.cpu, limits.cpu, "its processors are {:.0%} busy"),
        ("load", reading.load, limits.load, "{:.1f} processes want each of its processors"),
        ("memory", reading.memory, limits.memory, "its memory is {:.0%} used"),
        ("disk", reading.disk, limits.disk, "its disk is {:.0%} full"),
        ("inodes", reading.inodes, limits.inodes, "{:.0%} of its disk's inodes are used"),
    )
    for name, value, limit, sentence in shares:
        if limit and value is not None and value > limit:
            yield name, sentence.format(value)
    if reading.read_only:
        yield "read-only", f"nothing can be written to {reading.read_only}"
    if reading.gone:
        yield "gone", f"its directory {reading.gone} has vanished"
