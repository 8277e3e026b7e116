"""What commands that did something answer: a sentence for eyes, a document for scripts. Data."""

from __future__ import annotations

from galaxy.client.layout import Row, Sheet


def said(sentence: str, name: str = "job_id") -> Sheet:
    """A sentence with fields of the document in braces; `name` is what -o name prints."""
    return Sheet(tell=lambda document, _: f"{sentence.format_map(document)}\n", name=name)


def _updated(document: Row, _wide: bool) -> str:
    return (
        f"Update job {document['job_id']} ok{'' if document['changed'] else ': nothing changed'}\n"
    )


def _labelled(document: Row, _wide: bool) -> str:
    label, agents = document["label"], ", ".join(document["agents"])
    if not agents:
        return f"label {label} is on no agent\n"
    where = f"is no more on {agents}" if document["removed"] else f"is on {agents} and nowhere else"
    return f"label {label} {where}\n"


def _preempted(document: Row, _wide: bool) -> str:
    victims = document["victims"]
    have = "has" if len(victims) == 1 else "have"
    return (
        f"{document['pod_id']} gets {document['endpoint']} when {', '.join(victims)} {have} left\n"
    )


VALIDATED = said("{file} is sound", name="file")
SUBMITTED = said("Submit job {job_id}")
KILLED = said("terminate job {job_id} successfully")
UPDATED = Sheet(tell=_updated, name="job_id")
PAUSED = said("Update of {job_id} to {version} is paused")
CONTINUED = said("Update of {job_id} to {version} goes on")
ROLLED_BACK = said("Job {job_id} goes back to {version}")
SCALED = said("scale job {job_id} to {replica} successfully")
SUSPENDED = said("suspend job {job_id} successfully")
RESUMED = said("resume job {job_id} successfully")
RESTARTED = said("restart job {job_id}: by steps, from now on")
LABELLED = Sheet(tell=_labelled, name="label")
TAKEN_OFFLINE = said("offline agent {endpoint} successfully", name="endpoint")
BROUGHT_ONLINE = said("online agent {endpoint} successfully", name="endpoint")
ENTERED = said("successfully enter {mode}", name="mode")
LEFT = said("successfully leave {mode}", name="mode")
STEPPED_DOWN = said("{before} has stepped down: {leader} leads, epoch {epoch}", name="leader")
COPIED = said(
    "{keys} keys of {from} are at {to} now, and masters reign there only, above epoch {epoch}",
    name="to",
)
BACKED_UP = said("{file} holds the {keys} keys of {nexus}, of epoch {epoch}", name="file")
RESTORED = said(
    "{nexus} holds the {keys} keys of {file}. Its masters begin in safe mode: when `galaxy jobs`"
    " shows what is to run, `galaxy leave safemode`",
    name="nexus",
)
ADOPTED = said(
    "{nexus} is of cluster {cluster_id} from now on. Its masters begin in safe mode: when"
    " `galaxy jobs` shows what is to run, `galaxy leave safemode`",
    name="nexus",
)
PREEMPTED = Sheet(tell=_preempted, name="pod_id")
