"""
What an end honours of fields where silence would not do: the names in a hello's `features`.

An end passes over fields of a request that it does not know. Where that would be
wrong (a task that is to be kept apart would not be), the caller looks here
first, and does without or refuses. Methods need no such name: a hello lists them.
"""

from __future__ import annotations

BOXES, SECCOMP, STREAMS = "boxes", "seccomp", "streams"

OF_GCE = (BOXES, SECCOMP, STREAMS)
"""Of ExecuteRequest: `box` and `join`; `seccomp`; `stdin_path`, `terminal`, and output to pipes."""
