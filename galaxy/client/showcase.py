"""
What `make up` shows: a cluster, a job on it, a page from one of its pods.

It does what a person would type, shows each command, and stops at the first
that fails. Done again, it finds all running and says so.
"""

from __future__ import annotations

import shlex
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from galaxy.client.cli import cli
from galaxy.client.command import FAILURES, Failure, failure_of, told
from galaxy.client.commands.jobs import wait_until_healthy
from galaxy.client.session import Session, real_session
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import ListJobsRequest, PodOverview, ShowPodRequest

EXAMPLE = Path(__file__).parents[2] / "etc" / "jobs" / "web.json"
NAME = "web"
PATIENCE_S = 60.0
_TRIES, _PAUSE_S = 50, 0.2

NEXT = """
What to try next:
  galaxy logs -f web        what the pods say, as they say it
  galaxy show web           the job, its versions, its pods
  galaxy tasks -j web       the processes; kill one, and look again
  galaxy init > my.json     a commented job file; galaxy submit -f my.json --wait
  galaxy kill -j web
  make down                 stop it all; .galaxy keeps what is to run
"""


def show(session: Session, fetch: Callable[[str], str]) -> None:
    """Show it. Raises `Failure` where a command failed; `fetch` gets a page."""
    _galaxy(session, "up")
    if job_id := _running(session):
        _say(f"\nThe job {NAME} is there already: {job_id}.")
        wait_until_healthy(session, job_id, PATIENCE_S)
    else:
        _galaxy(session, "submit", "-f", str(EXAMPLE), "--wait", "--timeout", f"{PATIENCE_S:g}")
    url, page = _page_of_a_pod(session, fetch)
    _say(f"\n$ curl {url}\n{page}")
    _galaxy(session, "jobs")
    _galaxy(session, "pods", "-n", NAME)
    _say(f"{NEXT}where galaxy is {Path(sys.executable).with_name('galaxy')}")


def main() -> None:
    """Run as a program; its exit code is that of the command that failed."""
    try:
        show(real_session(), _page)
    except FAILURES as error:
        failure = failure_of(error)
        told(f"galaxy: {failure.sentence}")
        sys.exit(failure.code)


def _say(text: str) -> None:
    print(text, flush=True)


def _galaxy(session: Session, *arguments: str) -> None:
    line = f"galaxy {shlex.join(arguments)}"
    _say(f"\n$ {line}")
    status = cli.main(list(arguments), prog_name="galaxy", obj=session, standalone_mode=False)
    if isinstance(status, int) and status:
        raise Failure(status, f"`{line}` has failed")


def _running(session: Session) -> str | None:
    jobs = session.leader().ask(lambda master: master.list_jobs(ListJobsRequest())).jobs
    running = (job for job in jobs if job.name == NAME and job.state == pb.kJobNormal)
    return next((job.job_id for job in running), None)


def _page_of_a_pod(session: Session, fetch: Callable[[str], str]) -> tuple[str, str]:
    """A pod's address and its page; a pod that has just died is given time to be back."""
    for _ in range(_TRIES):
        url = _url(session)
        try:
            return url, fetch(url)
        except OSError as error:
            refusal = error
        session.sleep(_PAUSE_S)
    raise Failure(1, f"{url} does not answer: {refusal}")


def _url(session: Session) -> str:
    """Where the first pod that is healthy shows its page."""
    request = ShowPodRequest(name=NAME)
    pods: list[PodOverview] = list(
        session.leader().ask(lambda master: master.show_pod(request)).pods
    )
    for pod in pods:
        if pod.healthy and pod.status.ports:
            host = pod.endpoint.rpartition(":")[0]
            return f"http://{host}:{pod.status.ports[0].port}/"
    raise Failure(1, f"no pod of {NAME} is healthy: `galaxy pods -n {NAME}` says why")


def _page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as page:  # noqa: S310 - `_url` makes only http
        text: bytes = page.read()
    return text.decode("utf-8", "replace").rstrip()


if __name__ == "__main__":
    main()
