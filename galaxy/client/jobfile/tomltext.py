"""
TOML with places. Pure.

`tomllib` parses; a light scan of the lines finds where keys stand. What stands
inside a value that spans a line (inline tables, lists) has the place of its key.
A key that is repeated is a fault and is passed over, as in JSON: the first counts.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from attrs import define, field, frozen

from galaxy.client.jobfile.document import Document, Fault, Path, Place

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_TABLE = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_PAIR = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=[ \t]*")
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")
_LONG = ('"""', "'''")
_REPEATED = re.compile(
    r"Cannot overwrite a value|Cannot declare|Duplicate inline table key '(?P<inner>[^']*)'"
)
_MOST_REPEATED = 50
_DEEPEST = 50


def parse(text: str) -> Document:
    """The document in a text."""
    lines = text.split("\n")
    faults: list[Fault] = []
    while True:
        try:
            value = tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError as error:
            repeated = _repeated(str(error), lines)
            if repeated is None or len(faults) == _MOST_REPEATED:
                return Document(None, faults=(*faults, _fault(str(error), text)))
            faults.append(repeated.fault)
            lines[repeated.lines] = [""] * len(lines[repeated.lines])
        except RecursionError:
            return Document(None, faults=(*faults, _TOO_DEEP))
        else:
            break
    if _is_deep(value):
        return Document(None, faults=(*faults, _TOO_DEEP))
    scan = _scanned(lines)
    return Document(value, scan.keys, scan.values, tuple(faults))


_TOO_DEEP = Fault(Place(1, 1), (), f"nested deeper than {_DEEPEST} levels")


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


@frozen
class _Repeated:
    fault: Fault
    lines: slice  # what to pass over, to read on


def _repeated(sentence: str, lines: list[str]) -> _Repeated | None:
    """What the parser's sentence tells of a key that was there before; None: something else."""
    kind = _REPEATED.match(sentence)
    position = _POSITION.search(sentence)
    if not (kind and position):
        return None
    last = int(position.group(1)) if position.group(1) else len(lines)
    starts = _scanned(lines[:last]).starts
    if not starts:
        return None
    here = starts[-1]
    path = here.path if kind["inner"] is None else (*here.path, kind["inner"])
    earlier = [start.place.line for start in starts[:-1] if start.path == path]
    text = "repeated" if kind["inner"] else _POSITION.sub("", sentence)
    if earlier:
        text = f"repeated: first given in line {earlier[0]}"
    if here.table:
        # Its keys would be taken for those of the table before.
        last = next((at for at in range(last, len(lines)) if _TABLE.match(lines[at])), len(lines))
    return _Repeated(Fault(here.place, path, text), slice(here.place.line - 1, last))


def _scanned(lines: list[str]) -> _Scan:
    scan = _Scan()
    for number, line in enumerate(lines, start=1):
        scan.line(number, line)
    return scan


def _fault(sentence: str, text: str) -> Fault:
    place = Place(text.count("\n") + 1, 1)
    if (position := _POSITION.search(sentence)) and position.group(1):
        place = Place(int(position.group(1)), int(position.group(2)))
    return Fault(place, (), _POSITION.sub("", sentence))


def _parts(dotted: str) -> list[str]:
    return [key.strip("\"'") for key in re.findall(_KEY, dotted)]


@frozen
class _Start:
    path: Path
    place: Place
    table: bool


@define
class _Scan:
    keys: dict[Path, Place] = field(factory=dict)
    values: dict[Path, Place] = field(factory=dict)
    starts: list[_Start] = field(factory=list)  # of pairs and tables, as they stand
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
            self._begin(self._table, Place(number, table.start(1) + 1), table=True)
        elif pair := _PAIR.match(line):
            path = (*self._table, *_parts(pair.group(1)))
            self._begin(path, Place(number, pair.start(1) + 1), table=False)
            self.values.setdefault(path, Place(number, pair.end() + 1))
        self._open_string = next((quote for quote in _LONG if line.count(quote) % 2), "")

    def _begin(self, path: Path, place: Place, *, table: bool) -> None:
        self.keys.setdefault(path, place)
        self.starts.append(_Start(path, place, table))

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
