"""Connections of agents, and the bounded pool of calls to them."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.agents import Agent
from galaxy.master.lines import Pool
from galaxy.master.work import Work


class PoolTests(SynchronousTestCase):
    """A bounded number at a time, one for each agent."""

    def setUp(self) -> None:
        self.running: list[tuple[Agent, Deferred[None]]] = []
        self.pool = Pool("test", 2, self.work)
        self.agents = [Agent(number, f"a:{number}", 0.0) for number in range(1, 6)]

    async def work(self, agent: Agent) -> None:
        done: Deferred[None] = Deferred()
        self.running.append((agent, done))
        await done

    def now(self) -> list[Agent]:
        return [agent for agent, _ in self.running]

    def end(self) -> None:
        """The oldest work is done."""
        _, done = self.running.pop(0)
        done.callback(None)

    def test_others_wait_for_their_turn(self) -> None:
        for agent in self.agents:
            self.pool.want(agent)
        self.assertEqual(self.now(), self.agents[:2])
        self.end()
        self.assertEqual(self.now(), self.agents[1:3])

    def test_wanting_twice_before_it_begins_is_wanting_once(self) -> None:
        for agent in (*self.agents[:3], self.agents[2]):
            self.pool.want(agent)
        for _ in range(3):
            self.end()
        self.assertEqual(self.now(), [])

    def test_wanting_while_it_is_done_is_wanting_once_more(self) -> None:
        first = self.agents[0]
        for _ in range(3):
            self.pool.want(first)
        self.assertEqual(self.now(), [first], "never two at a time for one agent")
        self.end()
        self.assertEqual(self.now(), [first])
        self.end()
        self.assertEqual(self.now(), [])

    def test_an_agent_that_is_busy_holds_nobody_up(self) -> None:
        first, second, third, *_ = self.agents
        for agent in (first, first, second, third):
            self.pool.want(agent)
        self.assertEqual(self.now(), [first, second])

    def test_a_fleet_for_which_there_is_nothing_to_do_any_more(self) -> None:
        """As when its connections are lost: each is done with as soon as it is begun."""
        first = Deferred[None]()
        done: list[Agent] = []

        async def work(agent: Agent) -> None:
            if agent.number == 1:
                await first
            done.append(agent)

        pool = Pool("test", 1, work)
        fleet = [Agent(number, f"a:{number}", 0.0) for number in range(1, 5000)]
        for agent in fleet:
            pool.want(agent)
        first.callback(None)
        self.assertEqual(done, fleet)

    def test_one_whose_turn_comes_while_others_begin(self) -> None:
        """Its work is done, by the work of another; it is wanted once more, and not forgotten."""
        first = Deferred[None]()
        done: list[int] = []

        async def work(agent: Agent) -> None:
            if agent.number == 1 and not first.called:
                await first
            elif agent.number == 2:
                first.callback(None)
            done.append(agent.number)

        pool = Pool("test", 2, work)
        one, two = self.agents[:2]
        for agent in (one, one, two):
            pool.want(agent)
        self.assertEqual(done, [1, 2, 1])

    def test_a_fault_is_logged_and_frees_the_place(self) -> None:
        for agent in self.agents[:3]:
            self.pool.want(agent)
        _, done = self.running.pop(0)
        done.errback(ZeroDivisionError())
        self.assertEqual(self.now(), self.agents[1:3])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stopped_it_begins_nothing(self) -> None:
        for agent in self.agents:
            self.pool.want(agent)
        self.pool.stop()
        self.end()
        self.assertEqual(len(self.now()), 1)


class WorkTests(SynchronousTestCase):
    """Work with any number of waiters."""

    def test_all_who_wait_are_answered(self) -> None:
        source: Deferred[int] = Deferred()
        work = Work(source)
        before = work.wait()
        source.callback(7)
        self.assertEqual(self.successResultOf(before), 7)
        self.assertEqual(self.successResultOf(work.wait()), 7)

    def test_one_who_waits_no_more_does_not_stop_it(self) -> None:
        cancelled: list[object] = []
        source: Deferred[int] = Deferred(cancelled.append)
        work = Work(source)
        gone, other = work.wait(), work.wait()
        gone.addErrback(lambda _: None)
        gone.cancel()
        source.callback(7)
        self.assertEqual((cancelled, self.successResultOf(other)), ([], 7))

    def test_a_failure_is_everybodys(self) -> None:
        source: Deferred[int] = Deferred()
        work = Work(source)
        waiting = work.wait()
        source.errback(ZeroDivisionError())
        self.failureResultOf(waiting, ZeroDivisionError)
        self.failureResultOf(work.wait(), ZeroDivisionError)

    def test_a_fault_that_nobody_waits_for_is_logged(self) -> None:
        source: Deferred[int] = Deferred()
        Work(source)
        source.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
