"""
JSON as people write it: with comments and trailing commas. Pure.

The parser of the standard library forgets where things stood and lets the last
of two equal keys win, so this one keeps the place of every key and value, and
reports repeated keys. A fault that makes the rest unreadable ends the document:
its value is then None.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from json import JSONDecodeError, JSONDecoder
from typing import Any

from galaxy.client.jobfile.document import Document, Fault, Path, Place

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]{0,30}))(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?(?![\w.])")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = {"true": True, "false": False, "null": None}
_DEEPEST = 50
_STRINGS = JSONDecoder()


def parse(text: str) -> Document:
    """The document in a text."""
    parser = _Parser(text)
    try:
        value = parser.document()
    except _Unreadable as error:
        fault = Fault(parser.place(error.at), error.path, error.text)
        return Document(None, parser.keys, parser.values, (*parser.faults, fault))
    return Document(value, parser.keys, parser.values, tuple(parser.faults))


class _Unreadable(Exception):
    def __init__(self, at: int, path: Path, text: str) -> None:
        super().__init__(text)
        self.at = at
        self.path = path
        self.text = text


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.faults: list[Fault] = []

    def place(self, at: int) -> Place:
        line = bisect_right(self._line_starts, at)
        return Place(line, at - self._line_starts[line - 1] + 1)

    def document(self) -> Any:
        value = self._value(())
        self._skip_blank(())
        if self._at < len(self._text):
            raise _Unreadable(self._at, (), "the file should end here")
        return value

    def _skip_blank(self, path: Path) -> None:
        match = _BLANK.match(self._text, self._at)
        assert match is not None  # it matches the empty string
        self._at = match.end()
        if self._text.startswith("/*", self._at):
            raise _Unreadable(self._at, path, "this comment is not closed: */ is missing")

    def _take(self, character: str) -> bool:
        found = self._text.startswith(character, self._at)
        self._at += found
        return found

    def _value(self, path: Path) -> Any:
        self._skip_blank(path)
        if len(path) > _DEEPEST:
            raise _Unreadable(self._at, path, f"nested deeper than {_DEEPEST} levels")
        start = self._at
        self.values[path] = self.place(start)
        if self._take("{"):
            return self._object(path, start)
        if self._take("["):
            return self._array(path, start)
        if self._take('"'):
            return self._string(path)
        if number := _NUMBER.match(self._text, start):
            self._at = number.end()
            whole, fraction, exponent = number.groups()
            return float(number.group()) if fraction or exponent else int(whole)
        word = _WORD.match(self._text, start)
        if word and word.group() in _WORDS:
            self._at = word.end()
            return _WORDS[word.group()]
        raise _Unreadable(start, path, self._no_value(start))

    def _no_value(self, start: int) -> str:
        if start == len(self._text):
            return "the file ends where a value should stand"
        if self._text[start] == "'":
            return "strings stand in double quotes"
        odd = _WORD.match(self._text, start)
        return f"{odd.group() if odd else self._text[start]!r} is not a value"

    def _object(self, path: Path, start: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while True:
            self._skip_blank(path)
            if self._take("}"):
                return members
            key_at = self._at
            if not self._take('"'):
                raise _Unreadable(key_at, path, self._no_member(start, "a key in double quotes"))
            key = self._string(path)
            here = (*path, key)
            self._skip_blank(here)
            if not self._take(":"):
                raise _Unreadable(self._at, here, "a ':' is missing after the key")
            if key in members:
                first = self.keys[here]
                self.faults.append(
                    Fault(self.place(key_at), here, f"repeated: first given in line {first.line}")
                )
                self._value((*path, f"{key} (repeated)"))
            else:
                self.keys[here] = self.place(key_at)
                members[key] = self._value(here)
            self._end_member(path, "}", start)

    def _array(self, path: Path, start: int) -> list[Any]:
        items: list[Any] = []
        while True:
            self._skip_blank(path)
            if self._take("]"):
                return items
            items.append(self._value((*path, len(items))))
            self._end_member(path, "]", start)

    def _end_member(self, path: Path, closing: str, start: int) -> None:
        self._skip_blank(path)
        if self._take(",") or self._text.startswith(closing, self._at):
            return
        raise _Unreadable(self._at, path, self._no_member(start, f"',' or {closing!r}"))

    def _no_member(self, start: int, wanted: str) -> str:
        if self._at == len(self._text):
            return f"the file ends inside what line {self.place(start).line} opens"
        return f"{wanted} is missing before {self._text[self._at]!r}"

    def _string(self, path: Path) -> str:
        start = self._at - 1
        try:
            text, self._at = _STRINGS.raw_decode(self._text, start)
            assert isinstance(text, str)  # it begins with a quote
        except JSONDecodeError as error:
            if error.msg.startswith("Unterminated"):
                raise _Unreadable(start, path, "this string is not closed") from error
            raise _Unreadable(error.pos, path, f"in a string: {error.msg.lower()}") from error
        if not text.isascii() and re.search("[\ud800-\udfff]", text):
            raise _Unreadable(start, path, "half of a surrogate pair is no character")
        return text
