"""The commented job files that `galaxy init` prints. Data; each of them validates."""

from __future__ import annotations

_HEAD = """\
// A job file: JSON with comments. Check it with `galaxy validate -f FILE`,
// run it with `galaxy submit -f FILE --wait`.
{
  "name": "%(name)s",
  "type": "%(type)s",%(type_note)s
%(count)s
  // "priority": %(priority)d,      // higher comes first; may displace lower ones
  // "labels": ["ssd"],     // only on agents that carry all of these
  // "max_per_host": 1,     // at most so many pods of this job on one agent
  // "user": "www",         // whose rights the tasks have
%(restart)s
  "pod": {
    // "version": "1.0",    // left out: a hash of this description
    "requirement": {
      "millicores": 100,    // 1000 are one core
      "memory": "64M",      // K, M, G, T, P count in 1024s
%(ports)s
    },
    "tasks": [
      {
        // Where the program comes from:
        //   kSourceTypeBinary   a file or directory beside this file, sent along
        //   kSourceTypeFTP      a URL: file, http, https, ftp
        //   kSourceTypeCommand  a shell command that brings the files; may be empty
        "source_type": "kSourceTypeCommand",
        "binary": "",
        // "sha256": "...",    // of the package, checked before it is unpacked
        "start_command": "%(command)s",
        // "stop_command": "...",
        "stop_timeout": 10,    // seconds from SIGTERM to SIGKILL
        // "deploy_timeout": 300,  // seconds to fetch and unpack, or for the deploy command
        "envs": ["GREETING=hello"],
%(health)s
      }
    ]
  }
}
"""

_PORTS = """\
      // The agent picks a free port and tells it in GALAXY_PORT_HTTP. A number
      // asks for that very port: then one pod of the job fits on a machine.
      "ports": [{"name": "http", "port": "dynamic"}]"""

_HEALTH = """\
        // One of "command", "tcp", "http". Without it, a task that runs is healthy.
        "health": {"http": {"port": "http", "path": "/"}, "interval": 5, "failures": 3}"""

_NO_RESTART = '  // "restart": "on_failure",  // always, on_failure, never; default: by type'

EXAMPLES = {
    "kLongRun": _HEAD
    % {
        "name": "hello",
        "type": "kLongRun",
        "type_note": "   // kept running for ever; also: kBatch, kSystem",
        "count": '  "replica": 2,\n  "deploy_step": 2,         // at most so many pods in motion',
        "priority": 70,
        "restart": _NO_RESTART,
        "ports": _PORTS,
        "command": "exec python3 -m http.server $GALAXY_PORT_HTTP",
        "health": _HEALTH,
    },
    "kBatch": _HEAD
    % {
        "name": "hello-batch",
        "type": "kBatch",
        "type_note": "     // done when every replica has ended well; also: kLongRun, kSystem",
        "count": '  "replica": 10,         // so many completions; each knows its GALAXY_POD_INDEX',
        "priority": 25,
        "restart": '  "restart": "on_failure",\n  "retries": 2,',
        "ports": '      // "ports": [8080]',
        "command": "echo $GREETING from $GALAXY_POD_INDEX",
        "health": '        // "health": {"command": "test -e alive"}',
    },
    "kSystem": _HEAD
    % {
        "name": "hello-everywhere",
        "type": "kSystem",
        "type_note": "    // one pod on every agent; also: kLongRun, kBatch",
        "count": '  // no "replica": there are as many as there are agents',
        "priority": 100,
        "restart": _NO_RESTART,
        "ports": '      // "ports": [8080]',
        "command": "while true; do uptime; sleep 60; done",
        "health": '        // "health": {"command": "test -e alive"}',
    },
}
