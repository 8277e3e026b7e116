"""
A file that names agents, one endpoint a line. Pure.

A file that names none is a mistake, whatever it was meant to say: taken for
"nobody" it would take a label from every machine.
"""

from __future__ import annotations

from attrs import frozen

from galaxy.protocol.addresses import TcpAddress, parse_address


@frozen
class AgentList:
    """The endpoints, each once, in the order of the file; or what is wrong, as lines."""

    endpoints: tuple[str, ...]
    mistakes: tuple[str, ...] = ()


def agents_in(text: str, source: str) -> AgentList:
    """The agents that a text names; empty lines and what follows a # do not count."""
    endpoints: dict[str, None] = {}
    mistakes = []
    for number, line in enumerate(text.splitlines(), start=1):
        word = line.partition("#")[0].strip()
        if fault := endpoint_fault(word) if word else "":
            mistakes.append(f"{source}:{number}: {fault}")
        elif word:
            endpoints[word] = None
    if not (endpoints or mistakes):
        mistakes.append(f"{source}: names no agent; --remove takes a label from agents")
    return AgentList(tuple(endpoints), tuple(mistakes))


def endpoint_fault(word: str) -> str:
    """What keeps a word from being an agent's endpoint; empty: nothing."""
    try:
        address = parse_address(word)
    except ValueError as error:
        return str(error)
    if isinstance(address, TcpAddress) and not set(word) & set(" \t,"):
        return ""
    return f"{word!r} is no agent: those are HOST:PORT, one a line"
