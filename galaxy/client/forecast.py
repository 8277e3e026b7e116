"""What would happen, and what keeps it from happening: the answers of `plan` and `why`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from galaxy.client.layout import Row, Sheet, pods_of, table
from galaxy.protocol.master_pb2 import ExplainResponse, Obstacle, PlanJobResponse


def explained(answer: ExplainResponse) -> Row:
    """The document of `galaxy why`."""
    return {
        "job_id": answer.job_id,
        "pod_id": answer.pod_id,
        "sentence": answer.sentence,
        "agents": answer.agents,
        "obstacles": _obstacles(answer.obstacles),
    }


def planned(answer: PlanJobResponse) -> Row:
    """The document of `galaxy plan`."""
    return {
        "job_id": answer.job_id,
        "changes": not answer.job_id or bool(answer.differences),
        "differences": [
            {"path": each.path, "before": each.before, "after": each.after}
            for each in answer.differences
        ],
        "placements": [
            {"endpoint": each.endpoint, "count": each.count, "in_place": each.in_place}
            for each in answer.placements
        ],
        "unplaced": [
            {
                "count": each.count,
                "reason": each.reason,
                "obstacles": _obstacles(each.obstacles),
            }
            for each in answer.unplaced
        ],
        "stops": answer.stops,
    }


def _obstacles(obstacles: Iterable[Obstacle]) -> list[Row]:
    return [{"constraint": each.constraint, "agents": each.agents} for each in obstacles]


def _why(document: Row, _wide: bool) -> str:
    text = f"{document['sentence']}\n"
    if not document["obstacles"]:
        return text
    total = str(document["agents"])
    cells = [[each["constraint"], str(each["agents"]), total] for each in document["obstacles"]]
    return f"{text}\n{table(['constraint', 'removed', 'of agents'], cells)}"


def _plan(document: Row, _wide: bool) -> str:
    return "".join(f"{line}\n" for line in _plan_lines(document))


def _plan_lines(document: Row) -> Iterator[str]:
    if not document["changes"]:
        yield f"No change: {document['job_id']} is as the file says."
    elif document["job_id"]:
        yield f"Would update {document['job_id']}:"
    else:
        yield "Would submit a new job."
    for each in document["differences"]:
        yield f"  {each['path']}: {each['before'] or '(none)'} -> {each['after'] or '(none)'}"
    for each in document["placements"]:
        place = "in place on" if each["in_place"] else "on"
        yield f"  {pods_of(each['count'])} {place} {each['endpoint']}"
    for each in document["unplaced"]:
        yield f"  {pods_of(each['count'])} nowhere: {each['reason']}"
    if document["stops"]:
        yield f"  {pods_of(document['stops'])} stopped for good"


WHY = Sheet(tell=_why, name="job_id")
PLAN = Sheet(tell=_plan, name="job_id")
