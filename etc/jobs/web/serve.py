"""A web page that says which pod served it. Needs nothing but python3."""

import os
import signal
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html>
<title>Galaxy</title>
<h1>Hello from {pod}</h1>
<p>Replica {index} of job {job}, version {version}, on agent {agent}.
"""


class Page(BaseHTTPRequestHandler):
    """Answers every GET: /health with "ok", all else with the page."""

    server_version = "galaxy-example"

    def do_GET(self):
        """Answer one request."""
        health = self.path == "/health"
        text = "ok\n" if health else page(os.environ)
        body = text.encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"text/{'plain' if health else 'html'}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def page(environ):
    """The page of the pod that this environment describes."""
    return PAGE.format(
        pod=environ.get("GALAXY_POD_ID", "nowhere"),
        index=environ.get("GALAXY_POD_INDEX", "?"),
        job=environ.get("GALAXY_JOB_NAME", "?"),
        version=environ.get("GALAXY_VERSION", "?"),
        agent=environ.get("GALAXY_AGENT", "?"),
    )


def stop(_signal, _frame):
    """Leave quietly when told to."""
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    port = int(os.environ.get("GALAXY_PORT_HTTP", "8080"))
    print(f"serving on port {port}", flush=True)  # noqa: T201 - the task's output
    ThreadingHTTPServer(("", port), Page).serve_forever()
