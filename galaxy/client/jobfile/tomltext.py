"""
TOML with places. Pure.

`tomllib` parses; a light scan of the lines finds where keys stand. What stands
inside a value that spans a line (inline tables, lists) has the place of its key.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from attrs import define, field

from galaxy.client.jobfile.document import Document, Fault, Path, Place

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_TABLE = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_PAIR = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=[ \t]*")
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")
_LONG = ('"""', "'''")


def parse(text: str) -> Document:
    """The document in a text."""
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Document(None, faults=(_fault(str(error), text),))
    scan = _Scan()
    for number, line in enumerate(text.split("\n"), start=1):
        scan.line(number, line)
    return Document(value, scan.keys, scan.values)


def _fault(sentence: str, text: str) -> Fault:
    place = Place(text.count("\n") + 1, 1)
    if (position := _POSITION.search(sentence)) and position.group(1):
        place = Place(int(position.group(1)), int(position.group(2)))
    return Fault(place, (), _POSITION.sub("", sentence))


def _parts(dotted: str) -> list[str]:
    return [key.strip("\"'") for key in re.findall(_KEY, dotted)]


@define
class _Scan:
    keys: dict[Path, Place] = field(factory=dict)
    values: dict[Path, Place] = field(factory=dict)
    _table: Path = ()
    _sizes: dict[Path, int] = field(factory=dict)
    _open_string: str = ""

    def line(self, number: int, line: str) -> None:
        if self._open_string:
            if line.count(self._open_string) % 2:
                self._open_string = ""
            return
        if table := _TABLE.match(line):
            self._enter(_parts(table.group(2)), repeated=table.group(1) == "[[")
            self.keys.setdefault(self._table, Place(number, table.start(1) + 1))
        elif pair := _PAIR.match(line):
            path = (*self._table, *_parts(pair.group(1)))
            self.keys.setdefault(path, Place(number, pair.start(1) + 1))
            self.values.setdefault(path, Place(number, pair.end() + 1))
        self._open_string = next((quote for quote in _LONG if line.count(quote) % 2), "")

    def _enter(self, parts: list[str], *, repeated: bool) -> None:
        path: tuple[Any, ...] = ()
        for position, part in enumerate(parts):
            path = (*path, part)
            last = position == len(parts) - 1
            if repeated and last:
                self._sizes[path] = self._sizes.get(path, 0) + 1
            if path in self._sizes:
                path = (*path, self._sizes[path] - 1)
        self._table = path
