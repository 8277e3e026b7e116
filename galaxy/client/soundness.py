"""What `galaxy nexus check` found, as a document and for eyes. Pure."""

from __future__ import annotations

from galaxy.client.layout import Row, Sheet
from galaxy.nexus.house import Held
from galaxy.resources import format_size
from galaxy.stored import AGENTS, FINISHED, JOBS, LABELS, SAFE_MODE, VERSIONS, examined, identity_of


def document(name: str, found: Held) -> Row:
    """The document."""
    finding = examined(found.values)
    sizes = {key: len(value) for key, value in found.values.items()}
    return {
        "nexus": name,
        "cluster_id": identity_of(found.values),
        "epoch": found.epoch,
        "keys": len(sizes),
        "bytes": sum(sizes.values()),
        "largest": max(sizes, key=lambda key: sizes[key], default=""),
        "largest_bytes": max(sizes.values(), default=0),
        **{kind: finding.counts[kind] for kind in (JOBS, VERSIONS, FINISHED, AGENTS, LABELS)},
        "safe_mode": bool(finding.counts[SAFE_MODE]),
        "unfinished": found.unfinished,
        "moved": found.moved,
        "problems": [{"key": each.key, "problem": each.sentence} for each in finding.problems],
    }


def _tell(row: Row, _wide: bool) -> str:
    counts = ", ".join(f"{kind} {row[kind]}" for kind in (JOBS, VERSIONS, FINISHED, AGENTS, LABELS))
    lines = [
        f"{row['nexus']}: {row['keys']} keys, {format_size(row['bytes'])}, epoch {row['epoch']}",
        counts,
    ]
    if row["cluster_id"]:
        lines.append(f"of cluster {row['cluster_id']}")
    if row["largest"]:
        lines.append(f"the largest: {row['largest']}, {format_size(row['largest_bytes'])}")
    if row["safe_mode"]:
        lines.append("safe mode was entered by hand")
    if row["moved"]:
        lines.append(f"it was left: all that it held is at {row['moved']} now")
    if row["unfinished"]:
        lines.append(f"it is not whole: {row['unfinished']} did not end")
    lines += [f"{each['key']}: {each['problem']}" for each in row["problems"]]
    if not row["problems"] and not row["unfinished"]:
        lines.append("all of it is sound")
    return "\n".join(lines) + "\n"


SOUNDNESS = Sheet(tell=_tell, name="nexus")
