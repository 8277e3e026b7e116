"""Which table each command prints. Data, and the two sheets."""

from __future__ import annotations

from signal import SIGKILL

from galaxy.client.happenings import EVENTS
from galaxy.client.layout import (
    Column,
    Listing,
    Row,
    Sheet,
    bytes_of,
    cores,
    cores_of,
    moment,
    pairs,
    part_of,
    plain,
    pods_of,
    short,
    size,
    text_of,
    when,
    word,
)

_LAST_EVENTS = 10  # of a job that is shown; -o wide shows all
_OF_ITSELF = ("exited with ", "was killed")  # an agent's words for an end that nobody else made


def _counts(row: Row) -> str:
    return "/".join(str(row[name]) for name in ("running", "pending", "deploying", "death"))


def _update(row: Row) -> str:
    """An update under way: its state, and how far it is."""
    state = short(row["update_state"], "kUpdate")
    if state in {"", "None"}:
        return ""
    stop = f", stops at {row['breakpoint']}" if row["breakpoint"] else ""
    return f"{state} {row['updated']}/{row['replica']}{stop}"


def _end(row: Row) -> str:
    """How a task ended; the kernel may have killed for memory what it had begun, or itself."""
    if row["signal"] == SIGKILL and row["oom_killed"]:
        return "out of memory"
    told = "" if row["exit_code"] is None else f"exit {row['exit_code']}"
    if row["signal"]:
        told = f"signal {row['signal']}{', core dumped' if row['core_dumped'] else ''}"
    return told + ", out of memory" * row["oom_killed"]


def _why(row: Row) -> str:
    """Why an agent is not there, or unwell; of one that is there, why its isolation is not more."""
    isolation = row["isolation_reason"] if row["state"] == "kAlive" else ""
    return "; ".join(filter(None, (row["reason"], isolation)))


JOBS = Listing(
    name="job_id",
    columns=(
        Column("id", plain("job_id")),
        Column("name", plain("name")),
        Column("user", plain("user"), wide=True),
        Column("type", word("type", "k")),
        Column("prio", plain("priority"), wide=True),
        Column("state", word("state", "kJob")),
        Column("update", _update),
        Column("version", plain("version"), wide=True),
        Column("stat(r/p/d/e)", _counts),
        Column("replica", plain("replica")),
        Column("healthy", plain("healthy")),
        Column("finished", plain("finished"), wide=True),
        Column("failed", plain("failed"), wide=True),
        Column("cpu", cores("cpu_used_millicores")),
        Column("memory", size("memory_used_bytes")),
        Column("create", moment("create_time")),
        Column("updated", moment("update_time"), wide=True),
        Column("reason", plain("reason")),
    ),
)

PODS = Listing(
    name="pod_id",
    columns=(
        Column("id", plain("pod_id")),
        Column("stage", word("stage", "kStage"), wide=True),
        Column("state", lambda row: short(row["state"], "kPod") or short(row["stage"], "kStage")),
        Column("healthy", plain("healthy")),
        Column("endpoint", plain("endpoint")),
        Column("ports", plain("ports")),
        Column("version", plain("version")),
        Column(
            "cpu(u/a)",
            lambda row: part_of(
                cores_of(row["cpu_used_millicores"]), cores_of(row["cpu_assigned_millicores"])
            ),
        ),
        Column(
            "mem(u/a)",
            lambda row: part_of(
                bytes_of(row["memory_used_bytes"]), bytes_of(row["memory_assigned_bytes"])
            ),
        ),
        Column("restarts", plain("restarts")),
        Column("incarnation", plain("incarnation"), wide=True),
        Column("dead", plain("dead"), wide=True),
        Column("pending", moment("pending_time"), wide=True),
        Column("sched", moment("sched_time"), wide=True),
        Column("start", moment("start_time")),
        Column("path", plain("path"), wide=True),
        Column("reason", plain("reason")),
    ),
)

TASKS = Listing(
    name="task_id",
    columns=(
        Column("id", plain("task_id")),
        Column("state", word("state", "kTask")),
        Column("stage", plain("stage"), wide=True),
        Column("pid", plain("pid")),
        Column("last end", _end),
        Column("incarnation", plain("incarnation"), wide=True),
        Column("dead", plain("dead"), wide=True),
        Column("restarts", plain("restarts")),
        Column("next try", moment("next_try_time")),
        Column("cpu", cores("cpu_used_millicores")),
        Column("memory", size("memory_used_bytes")),
        Column("with cache", size("memory_with_cache_bytes"), wide=True),
        Column("pids", plain("pids"), wide=True),
        Column("read/s", size("read_bytes_ps"), wide=True),
        Column("written/s", size("write_bytes_ps"), wide=True),
        Column("endpoint", plain("endpoint")),
        Column("cgroup", plain("cgroup"), wide=True),
        Column("deploy", moment("deploy_time"), wide=True),
        Column("start", moment("start_time")),
        Column("command", plain("command"), wide=True),
        Column("reason", lambda row: str(row["reason"] or row["progress"])),
    ),
)

AGENTS = Listing(
    name="endpoint",
    columns=(
        Column("endpoint", plain("endpoint")),
        Column("hostname", plain("hostname"), wide=True),
        Column("state", word("state", "k")),
        Column("pods", plain("pods")),
        Column("cpu_used", cores("cpu_used_millicores")),
        Column("cpu_assigned", cores("cpu_assigned_millicores")),
        Column("cpu_total", cores("cpu_total_millicores")),
        Column("mem_used", size("memory_used_bytes")),
        Column("mem_assigned", size("memory_assigned_bytes")),
        Column("mem_total", size("memory_total_bytes")),
        Column("disk_assigned", size("disk_assigned_bytes"), wide=True),
        Column("disk_total", size("disk_total_bytes"), wide=True),
        Column("ssd_assigned", size("ssd_assigned_bytes"), wide=True),
        Column("ssd_total", size("ssd_total_bytes"), wide=True),
        Column("isolation", plain("isolation")),
        Column("labels", plain("labels")),
        Column("build", plain("build"), wide=True),
        Column("reason", _why),
    ),
)


def _status(document: Row, _wide: bool) -> str:
    agents, cpu, memory = document["agents"], document["cpu"], document["memory"]
    mode = "safe mode" if document["safe_mode"] else "normal mode"
    if document["safe_mode_reason"]:
        mode += f": {document['safe_mode_reason']}"
    if document["safe_mode_share"]:
        mode += f" ({document['safe_mode_share']:.0%} heard)"
    masters = [("doubt", f"{document['doubt']}: reads only")] if document["doubt"] else []
    if document["standbys"]:
        masters.append(("standby", ", ".join(document["standbys"])))
    strangers = ", ".join(document["strangers"])
    turned_away = f"{strangers}: turned away, with pods of another cluster"
    return pairs(
        [
            ("master", f"{document['leader']} (epoch {document['epoch']}), {mode}"),
            *masters,
            ("build", document["build"]),
            ("agents", ", ".join(f"{number} {name}" for name, number in agents.items())),
            *([("strangers", turned_away)] if strangers else []),
            ("cpu", ", ".join(f"{cores_of(cpu[name])} {name}" for name in cpu)),
            ("memory", ", ".join(f"{bytes_of(memory[name])} {name}" for name in memory)),
            ("jobs", str(document["jobs"])),
            ("pods", ", ".join(f"{number} {name}" for name, number in document["pods"].items())),
        ]
    )


def _show(document: Row, wide: bool) -> str:
    fields = (
        ("job", "job_id"),
        ("name", "name"),
        ("user", "user"),
        ("version", "version"),
        ("priority", "priority"),
        ("replica", "replica"),
        ("finished", "finished"),
        ("failed", "failed"),
    )
    head = pairs(
        [
            *((title, text_of(document[name])) for title, name in fields),
            ("type", short(document["type"], "k")),
            ("state", short(document["state"], "kJob")),
            ("update", _update(document)),
            ("created", when(document["create_time"])),
            ("reason", document["reason"]),
        ]
    )
    versions = "".join(
        f"  {each['version']}  {when(each['time'])}  {pods_of(each['pods'])}\n"
        for each in document["versions"]
    )
    events = document["events"] if wide else document["events"][-_LAST_EVENTS:]
    told = f"\n{EVENTS.text(events, wide=wide)}" if events else ""
    failure = _failure(document["last_failure"])
    return f"{head}versions\n{versions}\n{PODS.text(document['pods'], wide=wide)}{told}{failure}"


def _failure(failure: Row | None) -> str:
    """How a task of the job ended that failed last, with what it said."""
    if failure is None:
        return ""
    end = "; ".join(filter(None, (_end(failure), _cause(failure["reason"]))))
    said = "".join(f"  {line}\n" for line in failure["said"])
    return (
        f"\nlast failure: {failure['task_id']} on {failure['endpoint']},"
        f" {when(failure['end_time']) or 'now'}: {end}\n{said}"
    )


def _cause(reason: str) -> str:
    """Why it ended, unless that only tells of the end itself."""
    return "" if reason.startswith(_OF_ITSELF) else reason


STATUS = Sheet(tell=_status, name="leader")
SHOW = Sheet(tell=_show, name="job_id")
