"""
What every nexus promises, as tests: mixed into a test case of each provider.

`NexusContract` needs one participant, `SharedNexusContract` also several of one cluster.
"""

from __future__ import annotations

import os
import random
from typing import Any

from twisted.internet.defer import Deferred, DeferredQueue, gatherResults
from twisted.trial.unittest import TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from galaxy.nexus.interfaces import (
    Change,
    Conflict,
    Delete,
    Entry,
    ICandidacy,
    ICandidate,
    INexus,
    IWatch,
    Leader,
    Put,
    StaleEpoch,
    Unavailable,
)


@implementer(ICandidate)
class Candidate:
    """Remembers what it is told; `await candidate.events.get()` waits for the next."""

    def __init__(self) -> None:
        self.events: DeferredQueue[tuple[str, Any]] = DeferredQueue()

    def elected(self, epoch: int) -> None:
        """Remember."""
        self.events.put(("elected", epoch))

    def suspended(self, reason: str) -> None:
        """Remember."""
        self.events.put(("suspended", reason))

    def resumed(self) -> None:
        """Remember."""
        self.events.put(("resumed", None))

    def deposed(self, reason: str) -> None:
        """Remember."""
        self.events.put(("deposed", reason))

    async def reign(self) -> int:
        """Wait to be elected; the epoch."""
        what, epoch = await self.events.get()
        assert what == "elected", what
        assert isinstance(epoch, int)
        return epoch

    async def reign_again(self, epoch: int) -> int:
        """Wait until the doubt is over, by resuming or being elected anew; the epoch."""
        while True:
            what, value = await self.events.get()
            if what == "resumed":
                return epoch
            if what == "elected":
                assert value > epoch
                return int(value)


class Model:
    """What a nexus holds, as a dictionary: the contract in ten lines."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def commit(self, changes: list[Change]) -> str | None:
        """Apply all and return None, or return the first key that is in conflict."""
        for change in changes:
            found = self.entries.get(change.key, Entry(b"", 0)).version
            if change.expect not in (None, found):
                return change.key
        for change in changes:
            found = self.entries.get(change.key, Entry(b"", 0)).version
            if isinstance(change, Put):
                self.entries[change.key] = Entry(change.value, found + 1)
            else:
                self.entries.pop(change.key, None)
        return None


def random_changes(rng: random.Random) -> list[Change]:
    """A commit about few keys, so that many of them collide."""
    keys = rng.sample(["a", "a/b", "a/b/c", "ab", "b/%", "c/.", "d/d"], rng.randint(1, 4))
    expect = (None, None, 0, 1, 2, 3)
    return [
        Put(key, rng.randbytes(3), rng.choice(expect))
        if rng.random() < 0.7
        else Delete(key, rng.choice(expect))
        for key in keys
    ]


class NexusContract(TestCase):
    """What one participant can see. Subclasses open it; `open_nexus` may be called again."""

    async def open_nexus(self) -> INexus:
        """A participant, closed by a cleanup."""
        raise NotImplementedError

    async def commit_conflict(self, nexus: INexus, *changes: Change) -> Conflict:
        """The conflict that a commit must fail with."""
        try:
            await nexus.commit(changes)
        except Conflict as error:
            return error
        raise self.failureException("the commit was not refused")

    async def test_it_is_a_nexus(self) -> None:
        nexus = await self.open_nexus()
        verifyObject(INexus, nexus)
        verifyObject(IWatch, nexus.watch("a", print))
        verifyObject(IWatch, nexus.watch_leader(print))
        verifyObject(ICandidacy, nexus.stand(Candidate(), "here:1"))

    async def test_a_key_that_was_never_written_is_absent(self) -> None:
        nexus = await self.open_nexus()
        self.assertIsNone(await nexus.get("jobs/x"))
        self.assertEqual(await nexus.scan("jobs"), {})

    async def test_a_version_begins_at_one_and_grows_with_every_write(self) -> None:
        nexus = await self.open_nexus()
        for version, value in enumerate((b"", b"one", bytes(range(256))), start=1):
            await nexus.commit([Put("jobs/x", value)])
            self.assertEqual(await nexus.get("jobs/x"), Entry(value, version))

    async def test_a_deleted_key_is_absent(self) -> None:
        nexus = await self.open_nexus()
        await nexus.commit([Put("jobs/x", b"1")])
        await nexus.commit([Delete("jobs/x")])
        self.assertIsNone(await nexus.get("jobs/x"))
        await nexus.commit([Delete("jobs/x")])
        await nexus.commit([Put("jobs/x", b"2", expect=0)])

    async def test_a_write_may_expect_a_version(self) -> None:
        nexus = await self.open_nexus()
        await nexus.commit([Put("a", b"1", expect=0)])
        self.assertEqual((await self.commit_conflict(nexus, Put("a", b"2", expect=0))).found, 1)
        await nexus.commit([Put("a", b"2", expect=1)])
        self.assertEqual((await self.commit_conflict(nexus, Put("a", b"3", expect=1))).found, 2)
        self.assertEqual((await self.commit_conflict(nexus, Delete("a", expect=0))).found, 2)
        self.assertEqual((await self.commit_conflict(nexus, Delete("b", expect=1))).found, 0)
        await nexus.commit([Delete("b", expect=0), Delete("a", expect=2)])
        self.assertIsNone(await nexus.get("a"))

    async def test_a_conflict_undoes_the_whole_commit_and_names_the_key(self) -> None:
        nexus = await self.open_nexus()
        await nexus.commit([Put("a", b"1"), Put("b", b"1")])
        conflict = await self.commit_conflict(
            nexus, Put("new", b"2"), Delete("a"), Put("b", b"2", expect=7), Put("c", b"2")
        )
        self.assertEqual(conflict.key, "b")
        self.assertEqual(await nexus.scan(""), {"a": Entry(b"1", 1), "b": Entry(b"1", 1)})

    async def test_a_scan_finds_what_is_below_the_prefix_in_order(self) -> None:
        nexus = await self.open_nexus()
        keys = ["jobs", "jobs/b", "jobs/a", "jobs/a/1", "jobs/a1", "jobsx", "other/jobs/a"]
        await nexus.commit([Put(key, key.encode()) for key in keys])
        found = await nexus.scan("jobs")
        self.assertEqual(list(found), ["jobs/a", "jobs/a/1", "jobs/a1", "jobs/b"])
        self.assertEqual(found["jobs/b"], Entry(b"jobs/b", 1))
        self.assertEqual(list(await nexus.scan("jobs/a")), ["jobs/a/1"])
        self.assertEqual(list(await nexus.scan("")), sorted(keys))

    async def test_keys_may_hold_every_printable_character(self) -> None:
        nexus = await self.open_nexus()
        odd = "".join(chr(code) for code in range(33, 127) if chr(code) != "/")
        keys = [odd, odd + "/" + odd, ".", "..", "./..", "%2F/%2F", "zookeeper/quota"]
        await nexus.commit([Put(key, key.encode()) for key in keys])
        self.assertEqual(list(await nexus.scan("")), sorted(keys))
        for key in keys:
            self.assertEqual(await nexus.get(key), Entry(key.encode(), 1))

    async def test_a_mistaken_call_is_an_error_of_its_author(self) -> None:
        nexus = await self.open_nexus()
        for key in ("", "/a", "a/", "a//b", "a b", "ä", "a" * 257):
            self.assertRaises(ValueError, nexus.get, key)
            self.assertRaises(ValueError, nexus.commit, [Put(key, b"")])
        self.assertRaises(ValueError, nexus.scan, "a/")
        self.assertRaises(ValueError, nexus.commit, [Put("a", b"1"), Delete("a")])
        self.assertRaises(ValueError, nexus.commit, [Put(f"a{n}", b"") for n in range(1001)])

    async def test_a_commit_may_bring_a_thousand_changes(self) -> None:
        nexus = await self.open_nexus()
        await nexus.commit([Put(f"many/{n:04}" + "x" * 200, b"x" * 500) for n in range(1000)])
        self.assertEqual(len(await nexus.scan("many")), 1000)

    async def test_values_may_be_large(self) -> None:
        """Larger than what one request to some server may be, compressible or not."""
        nexus = await self.open_nexus()
        noise, zeros = os.urandom(3 << 20), bytes(5 << 20)
        await nexus.commit([Put("big/noise", noise), Put("big/zeros", zeros), Put("small", b"1")])
        self.assertEqual(await nexus.get("big/noise"), Entry(noise, 1))
        found = await nexus.scan("big")
        self.assertEqual(found, {"big/noise": Entry(noise, 1), "big/zeros": Entry(zeros, 1)})
        await self.commit_conflict(nexus, Put("big/noise", zeros, expect=3))
        await nexus.commit([Put("big/noise", noise[::-1], expect=1), Delete("big/zeros")])
        self.assertEqual(await nexus.scan("big"), {"big/noise": Entry(noise[::-1], 2)})

    async def test_commits_take_effect_in_the_order_they_were_asked_for(self) -> None:
        nexus = await self.open_nexus()
        asked = [nexus.commit([Put("a", b"%d" % n, expect=n)]) for n in range(50)]
        await gatherResults(asked)
        self.assertEqual(await nexus.get("a"), Entry(b"49", 50))

    async def test_what_was_committed_is_there_for_the_next_to_open_it(self) -> None:
        nexus = await self.open_nexus()
        await nexus.commit([Put("a", b"1"), Put("b", b"1")])
        await nexus.commit([Delete("b")])
        await nexus.close()
        nexus = await self.open_nexus()
        self.assertEqual(await nexus.scan(""), {"a": Entry(b"1", 1)})

    async def test_it_agrees_with_a_dictionary(self) -> None:
        """A hundred commits at random: the same conflicts, the same entries."""
        nexus, model, rng = await self.open_nexus(), Model(), random.Random(7)
        for _ in range(100):
            changes = random_changes(rng)
            expected = model.commit(changes)
            if expected is None:
                await nexus.commit(changes)
            else:
                self.assertEqual((await self.commit_conflict(nexus, *changes)).key, expected)
            self.assertEqual(await nexus.scan(""), model.entries)

    async def test_a_watch_tells_of_changes_at_and_below_its_prefix(self) -> None:
        nexus = await self.open_nexus()
        told: DeferredQueue[str] = DeferredQueue()
        nexus.watch("jobs", told.put)
        for key in ("jobs/a/b", "jobs"):
            await nexus.commit([Put("jobsx", b""), Put("other", b""), Put(key, b"")])
            self.assertEqual(await told.get(), key)
        await nexus.commit([Delete("jobs/a/b")])
        self.assertEqual(await told.get(), "jobs/a/b")

    async def test_a_stopped_watch_tells_nothing(self) -> None:
        nexus = await self.open_nexus()
        told: list[str] = []
        then: DeferredQueue[str] = DeferredQueue()
        watch = nexus.watch("jobs", told.append)
        nexus.watch("jobs", then.put)
        watch.stop()
        watch.stop()
        await nexus.commit([Put("jobs/a", b"")])
        await then.get()
        self.assertEqual(told, [])

    async def test_who_stands_alone_is_elected_and_advertised(self) -> None:
        nexus, candidate = await self.open_nexus(), Candidate()
        leaders: DeferredQueue[Leader | None] = DeferredQueue()
        nexus.watch_leader(leaders.put)
        self.assertIsNone(await leaders.get())
        nexus.stand(candidate, "here:1")
        epoch = await candidate.reign()
        self.assertGreaterEqual(epoch, 1)
        self.assertEqual(await leaders.get(), Leader("here:1", epoch))

    async def test_who_asks_late_is_told_of_the_leader_too(self) -> None:
        nexus, candidate = await self.open_nexus(), Candidate()
        nexus.stand(candidate, "here:1")
        epoch = await candidate.reign()
        leaders: DeferredQueue[Leader | None] = DeferredQueue()
        nexus.watch_leader(leaders.put)
        leader = await leaders.get()
        while leader is None:  # not promised to know at once
            leader = await leaders.get()
        self.assertEqual(leader, Leader("here:1", epoch))

    async def test_who_resigns_makes_room_for_the_next_with_a_higher_epoch(self) -> None:
        nexus = await self.open_nexus()
        first, second = Candidate(), Candidate()
        reigning = nexus.stand(first, "here:1")
        epoch = await first.reign()
        nexus.stand(second, "here:2")
        await reigning.resign()
        await reigning.resign()
        self.assertGreater(await second.reign(), epoch)
        self.assertEqual(first.events.pending, [])

    async def test_candidates_know_of_one_another(self) -> None:
        nexus = await self.open_nexus()
        first, second = Candidate(), Candidate()
        reigning = nexus.stand(first, "here:1")
        self.assertEqual(await reigning.others(), ())
        await first.reign()
        self.assertEqual(await reigning.others(), ())
        waiting = nexus.stand(second, "here:2")
        while not (others := await reigning.others()):
            pass  # not promised to know at once
        self.assertEqual(others, ("here:2",))
        self.assertEqual(await waiting.others(), ("here:1",))
        await waiting.resign()
        self.assertEqual(await reigning.others(), ())

    async def test_who_resigns_before_being_elected_never_is(self) -> None:
        nexus = await self.open_nexus()
        first, second, third = Candidate(), Candidate(), Candidate()
        reigning = nexus.stand(first, "here:1")
        await first.reign()
        await nexus.stand(second, "here:2").resign()
        nexus.stand(third, "here:3")
        await reigning.resign()
        await third.reign()
        self.assertEqual(second.events.pending, [])

    async def test_epochs_rise_from_one_life_to_the_next(self) -> None:
        last = 0
        for _ in range(3):
            nexus, candidate = await self.open_nexus(), Candidate()
            nexus.stand(candidate, "here:1")
            epoch = await candidate.reign()
            self.assertGreater(epoch, last)
            last = epoch
            await nexus.close()

    async def test_an_epoch_may_be_asked_to_be_higher_than_those_of_another_nexus(self) -> None:
        nexus, first, second, third = await self.open_nexus(), Candidate(), Candidate(), Candidate()
        self.assertEqual(await nexus.epoch(), 0)
        reigning = nexus.stand(first, "here:1", 1000)
        epoch = await first.reign()
        self.assertGreater(epoch, 1000)
        await nexus.commit([Put("a", b"1")], epoch)
        await reigning.resign()
        reigning = nexus.stand(second, "here:1", 500)
        later = await second.reign()
        self.assertGreater(later, epoch)
        await nexus.commit([Put("a", b"2")], later)
        await reigning.resign()
        nexus.stand(third, "here:1", later + 7)
        last = await third.reign()
        self.assertGreater(last, later + 7)
        await nexus.commit([Put("a", b"3")], last)
        await self.assertFailure(nexus.commit([Put("a", b"4")], later), StaleEpoch)
        self.assertEqual(await nexus.epoch(), last)

    async def test_a_commit_of_an_epoch_that_is_over_is_fenced(self) -> None:
        nexus = await self.open_nexus()
        first, second = Candidate(), Candidate()
        reigning = nexus.stand(first, "here:1")
        old = await first.reign()
        await nexus.commit([Put("a", b"old")], epoch=old)
        await reigning.resign()
        nexus.stand(second, "here:2")
        new = await second.reign()
        await self.assertFailure(nexus.commit([Put("a", b"late")], epoch=old), StaleEpoch)
        await nexus.commit([Put("b", b"new")], epoch=new)
        await nexus.commit([Put("c", b"unfenced")])
        self.assertEqual(
            await nexus.scan(""),
            {"a": Entry(b"old", 1), "b": Entry(b"new", 1), "c": Entry(b"unfenced", 1)},
        )

    async def test_closing_finishes_what_was_begun_and_refuses_the_rest(self) -> None:
        nexus = await self.open_nexus()
        begun: list[Deferred[None]] = [nexus.commit([Put(f"a{n}", b"")]) for n in range(5)]
        closed = nexus.close()
        await gatherResults(begun)
        await closed
        await nexus.close()
        await self.assertFailure(nexus.commit([Put("b", b"")]), Unavailable)
        await self.assertFailure(nexus.get("a"), Unavailable)


class SharedNexusContract(NexusContract):
    """What several participants of one cluster can see of each other."""

    async def test_one_sees_what_the_other_committed(self) -> None:
        one, other = await self.open_nexus(), await self.open_nexus()
        told: DeferredQueue[str] = DeferredQueue()
        other.watch("jobs", told.put)
        await other.get("jobs/x")
        await one.commit([Put("jobs/x", b"1")])
        self.assertIn(await told.get(), ("jobs", "jobs/x"))
        self.assertEqual(await other.get("jobs/x"), Entry(b"1", 1))
        await other.commit([Put("jobs/x", b"2", expect=1)])
        await self.commit_conflict(one, Put("jobs/x", b"3", expect=1))

    async def test_only_one_of_several_reigns_and_all_know_who(self) -> None:
        one, other = await self.open_nexus(), await self.open_nexus()
        first, second = Candidate(), Candidate()
        reigning = one.stand(first, "one:1")
        epoch = await first.reign()
        other.stand(second, "other:1")
        leaders: DeferredQueue[Leader | None] = DeferredQueue()
        other.watch_leader(leaders.put)
        self.assertEqual(await leaders.get(), Leader("one:1", epoch))
        self.assertEqual(second.events.pending, [])
        await reigning.resign()
        later = await second.reign()
        self.assertGreater(later, epoch)
        leader = await leaders.get()
        if leader is None:  # the moment without a leader may be seen, or be over
            leader = await leaders.get()
        self.assertEqual(leader, Leader("other:1", later))

    async def test_who_closes_leaves_the_reign_to_the_next(self) -> None:
        one, other = await self.open_nexus(), await self.open_nexus()
        first, second = Candidate(), Candidate()
        one.stand(first, "one:1")
        epoch = await first.reign()
        other.stand(second, "other:1")
        await one.close()
        self.assertGreater(await second.reign(), epoch)
        await self.assertFailure(other.commit([Put("a", b"")], epoch=epoch), StaleEpoch)

    async def test_of_two_who_expect_the_same_version_one_prevails(self) -> None:
        one, other = await self.open_nexus(), await self.open_nexus()
        for version in range(20):
            asked = [
                nexus.commit([Put("a", name, expect=version)])
                for nexus, name in ((one, b"one"), (other, b"other"))
            ]
            outcomes = await gatherResults(
                [
                    each.addCallbacks(lambda _: True, lambda f: f.trap(Conflict) and False)
                    for each in asked
                ]
            )
            self.assertEqual(sorted(outcomes), [False, True])
