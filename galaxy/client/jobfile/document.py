"""A parsed text that still knows where each of its parts stood. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen

Path = tuple[str | int, ...]


@frozen(order=True)
class Place:
    """Line and column of a character, both counted from 1."""

    line: int
    column: int


@frozen
class Fault:
    """One mistake of a job file: where, in which part, a sentence, the word perhaps meant."""

    place: Place
    path: Path
    text: str
    meant: str = ""

    def line(self, source: str) -> str:
        """The fault as people read it: file:line:column: path: sentence."""
        where = f"{source}:{self.place.line}:{self.place.column}"
        path = f"{spelled(self.path)}: " if self.path else ""
        hint = f"; did you mean `{self.meant}`?" if self.meant else ""
        return f"{where}: {path}{self.text}{hint}"


@frozen
class Document:
    """A tree of plain values, the place of each key and value, and faults of form."""

    value: Any
    keys: Mapping[Path, Place] = field(factory=dict)
    values: Mapping[Path, Place] = field(factory=dict)
    faults: tuple[Fault, ...] = ()

    def place(self, path: Path, part: Literal["key", "value"] = "value") -> Place:
        """Where a path stands; of what is not in the text, where its parent does."""
        places = (self.keys, self.values) if part == "key" else (self.values, self.keys)
        for length in range(len(path), -1, -1):
            for known in places:
                if path[:length] in known:
                    return known[path[:length]]
        return Place(1, 1)


def spelled(path: Path) -> str:
    """A path as people write it: pod.tasks[0].binary."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def parsed(text: str) -> Path:
    """The path that `spelled` makes this text of."""
    parts: list[str | int] = []
    for name in text.split("."):
        word, *indexes = name.split("[")
        parts.append(word)
        parts.extend(int(index.rstrip("]")) for index in indexes)
    return tuple(parts)
