"""
How many calls a second, and how long each: Galaxy's wire against Twisted AMP.

One process, one reactor, real TCP on 127.0.0.1; both ends of every call are
paid for in it. The messages are of 168 bytes each way, the deadline of
every call is kept. The processor time of a call is printed too: other work
on the machine changes it less than the rate. `python -m benchmarks.rpc [--calls N] [--in-flight N]`
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Awaitable, Callable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import react
from twisted.protocols import amp

from galaxy.protocol.agent_pb2 import (
    KillPodsRequest,
    KillPodsResponse,
    PodKill,
    QueryRequest,
    QueryResponse,
    RunPodsRequest,
    RunPodsResponse,
    ShowPodsRequest,
    ShowPodsResponse,
)
from galaxy.protocol.calls import Call
from galaxy.protocol.methods import Served
from galaxy.protocol.services import AGENT, AgentStub
from galaxy.protocol.tcp import TcpNetwork
from galaxy.protocol.wire_pb2 import Hello

MESSAGE_BYTES = 168


@frozen
class Measured:
    """One run."""

    name: str
    calls_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # of this process for one call, both ends

    def __str__(self) -> str:
        return (
            f"{self.name:<8} {self.calls_per_s:>9,.0f} calls/s"
            f"   p50 {self.p50_ms:6.2f} ms   p99 {self.p99_ms:6.2f} ms"
            f"   {self.cpu_us:5.1f} us of processor a call"
        )


class EchoAgent:
    """Answers KillPods with what it was asked; the rest is there for the interface."""

    def __init__(self, answer: KillPodsResponse) -> None:
        self._answer = answer

    async def kill_pods(self, request: KillPodsRequest, call: Call) -> KillPodsResponse:
        """Answer at once."""
        return self._answer

    async def query(self, request: QueryRequest, call: Call) -> QueryResponse:
        """Unused."""
        return QueryResponse()

    async def run_pods(self, request: RunPodsRequest, call: Call) -> RunPodsResponse:
        """Unused."""
        return RunPodsResponse()

    async def show_pods(self, request: ShowPodsRequest, call: Call) -> ShowPodsResponse:
        """Unused."""
        return ShowPodsResponse()

    async def read_log(self, request: Any, call: Call, send: Any) -> None:
        """Unused."""


class Echo(amp.Command):
    """The same for AMP."""

    arguments = [(b"payload", amp.String())]
    response = [(b"payload", amp.String())]


class EchoResponder(amp.AMP):
    """Answers Echo."""

    @Echo.responder
    def echo(self, payload: bytes) -> dict[str, bytes]:
        """Answer at once."""
        return {"payload": payload}


async def measured(
    name: str, call: Callable[[], Awaitable[Any]], calls: int, in_flight: int
) -> Measured:
    """Keep so many calls in flight until all were made."""
    latencies: list[float] = []
    left = calls

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            began = time.perf_counter()
            await call()
            latencies.append(time.perf_counter() - began)

    gc.collect()
    began, cpu = time.perf_counter(), time.process_time()
    await gatherResults([Deferred.fromCoroutine(worker()) for _ in range(in_flight)])
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    latencies.sort()
    return Measured(
        name,
        len(latencies) / took,
        1000 * latencies[len(latencies) // 2],
        1000 * latencies[len(latencies) * 99 // 100],
        1e6 * cpu / len(latencies),
    )


async def galaxy(reactor: Any, calls: int, in_flight: int) -> Measured:
    """Galaxy's wire."""
    kill = PodKill(job_id="benchmark_0123456789ab", index=range(70), incarnation=range(67))
    request, answer = KillPodsRequest(kills=[kill]), KillPodsResponse(gone=[kill])
    assert answer.ByteSize() == MESSAGE_BYTES, answer.ByteSize()
    network = TcpNetwork(reactor)
    listening = await network.listen(
        "127.0.0.1:0", Hello(role="agent"), [Served(AGENT, EchoAgent(answer))]
    )
    peer = await network.dial(listening.address, Hello(role="benchmark"))
    stub = AgentStub(peer)
    result = await measured("galaxy", lambda: stub.kill_pods(request), calls, in_flight)
    await listening.stop()
    return result


async def twisted_amp(reactor: Any, calls: int, in_flight: int) -> Measured:
    """Twisted's own RPC."""
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(
        Factory.forProtocol(EchoResponder)
    )
    address: Any = port.getHost()
    client: Any = await TCP4ClientEndpoint(reactor, "127.0.0.1", address.port).connect(
        Factory.forProtocol(amp.AMP)
    )
    payload = b"x" * MESSAGE_BYTES
    result = await measured(
        "AMP", lambda: client.callRemote(Echo, payload=payload), calls, in_flight
    )
    client.transport.loseConnection()
    await port.stopListening()
    return result


async def main(reactor: Any) -> None:
    """Measure both, alternately, and print the best of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    best: dict[str, Measured] = {}
    for _ in range(options.rounds):
        for run, calls in ((galaxy, options.calls), (twisted_amp, options.calls // 5)):
            result = await run(reactor, calls, options.in_flight)
            print(result)
            if result.name not in best or result.calls_per_s > best[result.name].calls_per_s:
                best[result.name] = result
    ours, theirs = best["galaxy"], best["AMP"]
    print(
        f"rpc: {ours.calls_per_s:,.0f} calls a second of {MESSAGE_BYTES} bytes, "
        f"p99 {ours.p99_ms:.1f} ms, {options.in_flight} in flight; "
        f"{ours.calls_per_s / theirs.calls_per_s:.1f} times AMP "
        f"({theirs.cpu_us / ours.cpu_us:.1f} by processor time)"
    )


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
