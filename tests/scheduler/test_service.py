"""The scheduler against a master of paper, on one clock and a network in memory."""

from __future__ import annotations

from galaxy.protocol.master_pb2 import ProposalAnswer, Refusal
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from tests.scheduler.fleets import agent
from tests.scheduler.paper import PaperCase, PaperMaster, waiting


class SchedulerTests(PaperCase):
    """Round after round."""

    def test_what_waits_is_proposed(self) -> None:
        self.master.pending = [waiting("a", 3), waiting("b", 2)]
        self.scheduler.startService()
        self.advance(1)
        placed: dict[str, int] = {}
        for proposal in self.master.proposals:
            self.assertEqual(proposal.reign, "reign-1")
            for one in proposal.placements:
                placed[one.job_id] = placed.get(one.job_id, 0) + sum(one.count)
        self.assertEqual(placed, {"a": 3, "b": 2})

    def test_what_comes_later_is_proposed_at_once(self) -> None:
        """The long poll ends when something waits; nothing is asked in between."""
        self.scheduler.startService()
        self.advance(5)
        polls = len(self.master.polls)
        self.master.offer(waiting("late"))
        self.advance(0.1)
        self.assertEqual([one.job_id for one in self.master.proposals[0].placements], ["late"])
        self.assertLessEqual(len(self.master.polls), polls + 1)

    def test_only_changes_are_asked_for(self) -> None:
        self.scheduler.startService()
        self.advance(0.1)
        self.master.offer(waiting())
        self.advance(0.1)
        self.assertEqual(
            [(one.reign, one.since_revision) for one in self.master.snapshots[:2]],
            [("", 0), ("reign-1", 5)],
        )

    def test_a_refused_part_goes_elsewhere(self) -> None:
        """The fresh agent comes with the refusal, and is believed."""
        full = [agent(n, assigned_cores=4, assigned_gib=8, pods=9) for n in (11, 12)]
        self.master.agents = [agent(11), full[1]]
        self.master.answers = [
            [
                ProposalAnswer(
                    status=Status.kQuota,
                    reason="another was faster",
                    refusals=[
                        Refusal(agent=11, count=1, status=Status.kQuota, fresh=full[0]),
                        Refusal(agent=12, count=0, status=Status.kQuota, fresh=agent(12)),
                    ],
                )
            ]
        ]
        self.master.pending = [waiting("j", 1)]
        self.scheduler.startService()
        self.advance(1)
        agents = [list(one.agent) for p in self.master.proposals for one in p.placements]
        self.assertEqual(agents, [[11], [12]])

    def test_a_master_that_refuses_everything_is_not_pestered(self) -> None:
        """In safe mode, for instance: at most about once a second."""
        refusal = ProposalAnswer(status=Status.kSafeMode, reason="safe mode")
        self.master.answers = [[refusal]] * 1000
        self.master.pending = [waiting()]
        self.scheduler.startService()
        self.advance(10)
        self.assertLess(len(self.master.proposals), 25)
        self.master.answers = []
        proposals = len(self.master.proposals)
        self.advance(1.1)
        self.assertEqual(len(self.master.proposals), proposals + 1)
        self.assertEqual(self.scheduler.picture.fleet.pods.sum(), 1)

    def test_why_there_is_no_place_is_told(self) -> None:
        self.master.pending = [waiting("big", 1, cores=64)]
        self.scheduler.startService()
        self.advance(1)
        (proposal,) = self.master.proposals
        self.assertIn("2 of 2 agents lack cpu", proposal.unplaced[0].reason)

    def test_while_something_waits_for_room_it_looks_again_soon(self) -> None:
        self.master.pending = [waiting("big", 1, cores=64)]
        self.scheduler.startService()
        self.advance(0.5)
        self.assertLessEqual(self.master.polls[-1].wait_s, 1.0)
        self.assertGreater(self.master.polls[0].wait_s, 10.0)

    def test_another_reign_begins_from_nothing(self) -> None:
        self.scheduler.startService()
        self.advance(0.1)
        self.master.reign = "reign-2"
        self.master.agents = [agent(1)]
        self.master.offer(waiting())
        self.advance(0.1)
        self.assertEqual(self.scheduler.picture.reign, "reign-2")
        self.assertEqual(self.scheduler.picture.fleet.agents, [1])
        self.assertEqual(self.master.proposals[-1].reign, "reign-2")

    def test_a_master_that_does_not_lead_is_left_for_the_next(self) -> None:
        self.masters["127.0.0.1:7829"] = PaperMaster(
            self.clock, agents=[agent(1)], pending=[waiting()]
        )
        self.listen("127.0.0.1:7829")
        self.master.refuse = GalaxyError(Status.kNotLeader, "ask 127.0.0.1:7829")
        self.scheduler = self.make(list(self.masters))
        self.scheduler.startService()
        self.advance(2)
        self.assertEqual(len(self.masters["127.0.0.1:7829"].proposals), 1)

    def test_a_lost_master_is_dialled_again_and_believed_anew(self) -> None:
        self.scheduler.startService()
        self.advance(0.1)
        self.network.drop("127.0.0.1:7828")
        self.advance(0.01)
        self.assertEqual(self.scheduler.picture.reign, "")
        self.advance(2)
        self.assertEqual(self.scheduler.picture.reign, "reign-1")

    def test_answers_that_do_not_match_make_it_start_over(self) -> None:
        self.master.answers = [[]]
        self.master.pending = [waiting()]
        self.scheduler.startService()
        self.advance(2)
        self.assertEqual(len(self.master.proposals), 2)
        self.assertEqual(self.scheduler.picture.fleet.pods.sum(), 1)

    def test_a_large_queue_is_proposed_in_parts(self) -> None:
        self.master.agents = [agent(n, cores=1000, gib=4000) for n in range(4)]
        self.master.pending = [waiting(f"j{n}") for n in range(2500)]
        self.scheduler.startService()
        self.advance(1)
        self.assertGreater(len(self.master.proposals), 2)
        self.assertEqual(sum(len(p.placements) for p in self.master.proposals), 2500)

    def test_it_stops_in_the_middle_of_a_poll(self) -> None:
        self.scheduler.startService()
        self.advance(0.1)
        stopped = self.scheduler.stopService()
        self.advance(0.1)
        self.successResultOf(stopped)
        polls = len(self.master.polls)
        self.advance(30)
        self.assertEqual(len(self.master.polls), polls)

    def test_it_stops_while_nobody_answers(self) -> None:
        self.scheduler = self.make(["127.0.0.1:1"])
        self.scheduler.startService()
        self.advance(3)
        stopped = self.scheduler.stopService()
        self.advance(0.1)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
