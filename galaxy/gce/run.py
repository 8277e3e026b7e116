"""The parts of a real engine, in the order in which they start, on the reactor."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.logger import Logger, globalLogBeginner, textFileLogObserver
from twisted.python.failure import Failure

from galaxy.gce.boxable import why_no_boxes
from galaxy.gce.cgroups import ICgroups
from galaxy.gce.containment import find_cgroups
from galaxy.gce.disposal import Disposal, delete
from galaxy.gce.keepers import PidfdKeepers
from galaxy.gce.launcher import CradleLauncher
from galaxy.gce.options import Options
from galaxy.gce.procfs import boot_id
from galaxy.gce.records import Records
from galaxy.gce.service import GceService
from galaxy.gce.spawn import Cradle, Spawn, spawn_cradle
from galaxy.gce.supervisor import Supervisor
from galaxy.gce.upgrade import Upgrade, reap_predecessors
from galaxy.protocol.features import OF_GCE
from galaxy.protocol.methods import Served
from galaxy.protocol.services import GCE
from galaxy.protocol.tcp import TcpListening, TcpNetwork
from galaxy.protocol.wire_pb2 import Hello

EX_CONFIG = 78

_log = Logger()


@define
class _Outcome:
    exit_code: int = 0


def run(options: Options, cradle: Cradle, lock: int, spawn: Spawn = spawn_cradle) -> int:
    """Serve until SIGTERM; the exit code. `lock` is handed over to a gce that follows by exec."""
    from twisted.internet import reactor

    globalLogBeginner.beginLoggingTo(
        [textFileLogObserver(sys.stdout)], redirectStandardIO=False, discardBuffer=True
    )
    outcome = _Outcome()

    def begin() -> None:
        serving = Deferred.fromCoroutine(_serve(reactor, options, cradle, lock, spawn))
        serving.addErrback(_give_up, reactor, outcome)

    reactor.callWhenRunning(begin)
    reactor.run()
    return outcome.exit_code


async def _serve(reactor: Any, options: Options, cradle: Cradle, lock: int, spawn: Spawn) -> None:
    cgroups = find_cgroups(options.cgroup, str(options.directory))
    disposal = Disposal()
    supervisor = make_supervisor(reactor, options, cgroups, cradle, spawn, disposal)
    reactor.addSystemEventTrigger("before", "shutdown", supervisor.stop)
    reactor.addSystemEventTrigger("after", "shutdown", disposal.finish)
    await supervisor.start()
    if options.handed_over is not None:
        reap_predecessors()
    build = _build()
    service = GceService(supervisor, reactor, build, no_boxes=why_no_boxes())
    listening = await _listen(TcpNetwork(reactor), options, service, build)
    # "before" triggers run in this order and are waited for.
    reactor.addSystemEventTrigger("before", "shutdown", listening.stop)
    options.pidfile.write_text(f"{os.getpid()}\n", encoding="ascii")
    reactor.addSystemEventTrigger("after", "shutdown", partial(options.pidfile.unlink, True))
    upgrade = Upgrade(reactor, options.arguments, lock, listening, supervisor)
    upgrade.await_signal()
    _log.info(
        "gce {build} serves {socket}; isolation: {isolation} {reason}",
        build=build,
        socket=options.socket,
        isolation=cgroups.isolation,
        reason=cgroups.reason,
    )


async def _listen(
    network: TcpNetwork, options: Options, service: GceService, build: str
) -> TcpListening:
    address = f"unix:{options.socket}"
    hello = Hello(role="gce", name=f"gce of {options.directory}", build=build, features=OF_GCE)
    serve = [Served(GCE, service)]
    if options.handed_over is not None:
        return network.adopt(options.handed_over[1], address, hello, serve)
    listening = await network.listen(address, hello, serve)
    assert isinstance(listening, TcpListening)
    return listening


def make_supervisor(  # noqa: PLR0917
    reactor: Any,
    options: Options,
    cgroups: ICgroups,
    cradle: Cradle | None = None,
    spawn: Spawn = spawn_cradle,
    dispose: Callable[[Path], None] = delete,
) -> Supervisor:
    """A supervisor of real processes; without a cradle it starts one."""
    return Supervisor(
        records=Records(options.directory, dispose),
        cgroups=cgroups,
        launcher=CradleLauncher(reactor, partial(spawn, options.directory), cradle),
        keepers=PidfdKeepers(reactor),
        clock=reactor,
        boot=boot_id(),
    )


def _give_up(failure: Failure, reactor: Any, outcome: _Outcome) -> None:
    outcome.exit_code = EX_CONFIG
    if failure.check(OSError):
        _log.critical("gce cannot serve: {error}", error=failure.getErrorMessage())
    else:
        _log.failure("gce cannot serve", failure)
    reactor.stop()


def _build() -> str:
    try:
        return metadata.version("galaxy")
    except metadata.PackageNotFoundError:
        return "not installed"
