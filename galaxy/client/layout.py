"""
How documents are laid out: table, wide, json, yaml, name. Pure.

A `Listing` is a table of rows; a `Sheet` is one document, told in lines. What a
cell shows is for eyes; scripts take json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen

from galaxy.resources import format_size

Row = dict[str, Any]
FORMATS = ("table", "wide", "json", "yaml", "name")

_LONGEST_CELL = 60


@frozen
class Column:
    """A title, and what stands below it."""

    title: str
    cell: Callable[[Row], str]
    wide: bool = False  # shown by -o wide only


@frozen
class Listing:
    """Rows of one kind; `name` is the field that names a row."""

    columns: tuple[Column, ...]
    name: str

    def text(self, rows: Sequence[Row], *, wide: bool) -> str:
        """The table."""
        columns = [column for column in self.columns if wide or not column.wide]
        cells = [[_cell(column.cell(row), wide=wide) for column in columns] for row in rows]
        return table([column.title for column in columns], cells)

    def names(self, rows: Sequence[Row]) -> str:
        """One name a line."""
        return "".join(f"{row[self.name]}\n" for row in rows)


@frozen
class Sheet:
    """One document."""

    tell: Callable[[Row, bool], str]
    name: str

    def text(self, document: Row, *, wide: bool) -> str:
        """The document for eyes."""
        return self.tell(document, wide)

    def names(self, document: Row) -> str:
        """The name of what is shown."""
        return f"{document[self.name]}\n"


def laid_out(shape: Listing | Sheet, document: Any, form: str) -> str:
    """A document in one of FORMATS, with its last newline."""
    if form == "json":
        return json.dumps(document, indent=2) + "\n"
    if form == "yaml":
        import yaml

        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    if form == "name":
        return shape.names(document)
    return shape.text(document, wide=form == "wide")


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns two spaces apart, a dashed line below the titles."""
    widths = [max(len(line[number]) for line in (titles, *rows)) for number in range(len(titles))]
    lines = [titles, ["-" * width for width in widths], *rows]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )


def pairs(entries: Sequence[tuple[str, str]]) -> str:
    """Names and what they are, one a line; what is empty is left out."""
    shown = [(name, text) for name, text in entries if text]
    width = max((len(name) for name, _ in shown), default=0)
    return "".join(f"{name.ljust(width)}  {text}\n" for name, text in shown)


def _cell(text: str, *, wide: bool) -> str:
    text = " ".join(text.split()) or "-"
    if wide or len(text) <= _LONGEST_CELL:
        return text
    return text[: _LONGEST_CELL - 3] + "..."


# -- what cells show -----------------------------------------------------------


def plain(field: str) -> Callable[[Row], str]:
    """The field as it is."""
    return lambda row: text_of(row[field])


def word(field: str, *prefixes: str) -> Callable[[Row], str]:
    """An enum's value without what every value of it begins with."""
    return lambda row: short(row[field], *prefixes)


def moment(field: str) -> Callable[[Row], str]:
    """A time, as the clock on the wall has it."""
    return lambda row: when(row[field])


def size(field: str) -> Callable[[Row], str]:
    """An amount of bytes."""
    return lambda row: bytes_of(row[field])


def cores(field: str) -> Callable[[Row], str]:
    """Processor time, in cores."""
    return lambda row: cores_of(row[field])


def text_of(value: Any) -> str:
    """A value as a cell; unknown and empty are nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ",".join(f"{name}={number}" for name, number in value.items())
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)


def short(text: str, *prefixes: str) -> str:
    """kTaskRunning -> Running."""
    for prefix in prefixes:
        text = text.removeprefix(prefix)
    return "" if text in {"Unset", "StateUnset"} else text


def when(seconds: float | None) -> str:
    """Seconds since the epoch in local time; never is nothing."""
    if not seconds:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def bytes_of(amount: int | None) -> str:
    """An amount of bytes; unknown is nothing."""
    return "" if amount is None else format_size(amount)


def part_of(used: str, whole: str) -> str:
    """How much of what; unknown is a question mark."""
    return f"{used or '?'}/{whole or '?'}"


def cores_of(millicores: int | None) -> str:
    """Millicores as cores; unknown is nothing."""
    return "" if millicores is None else f"{millicores / 1000:.2f}"


def pods_of(count: int) -> str:
    """So many pods."""
    return "1 pod" if count == 1 else f"{count} pods"
