"""What `why` and `plan` show."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.forecast import PLAN, WHY, explained, planned
from galaxy.protocol.master_pb2 import (
    Difference,
    ExplainResponse,
    Obstacle,
    PlanJobResponse,
    PlannedPods,
    Unplaced,
)

WHY_TEXT = """\
5 agents: 3 lack label ssd, 2 lack memory; a:1 came nearest, by 1 GiB.

constraint  removed  of agents
----------  -------  ---------
label ssd   3        5
memory      2        5
"""

PLAN_TEXT = """\
Would update web_1:
  replica: 3 -> 9
  pod.version: (none) -> 2
  2 pods in place on a:1
  1 pod on b:1
  3 pods nowhere: no agent has 64 cores
  1 pod stopped for good
"""


class WhyTests(SynchronousTestCase):
    """The sentence, and the numbers behind it."""

    def test_the_sentence_comes_first(self) -> None:
        answer = ExplainResponse(
            job_id="web_1",
            sentence=WHY_TEXT.partition("\n")[0],
            agents=5,
            obstacles=[
                Obstacle(constraint="label ssd", agents=3),
                Obstacle(constraint="memory", agents=2),
            ],
        )
        self.assertEqual(WHY.text(explained(answer), wide=False), WHY_TEXT)

    def test_nothing_in_the_way_is_a_sentence_alone(self) -> None:
        answer = ExplainResponse(sentence="All 3 pods run.")
        self.assertEqual(WHY.text(explained(answer), wide=False), "All 3 pods run.\n")


class PlanTests(SynchronousTestCase):
    """What would be different."""

    def test_an_update(self) -> None:
        answer = PlanJobResponse(
            job_id="web_1",
            differences=[
                Difference(path="replica", before="3", after="9"),
                Difference(path="pod.version", after="2"),
            ],
            placements=[
                PlannedPods(endpoint="a:1", count=2, in_place=True),
                PlannedPods(endpoint="b:1", count=1),
            ],
            unplaced=[Unplaced(count=3, reason="no agent has 64 cores")],
            stops=1,
        )
        self.assertEqual(PLAN.text(planned(answer), wide=False), PLAN_TEXT)

    def test_what_is_a_change(self) -> None:
        cases = [
            (PlanJobResponse(), True),
            (PlanJobResponse(job_id="web_1"), False),
            (PlanJobResponse(job_id="web_1", unplaced=[Unplaced(count=1)]), False),
            (PlanJobResponse(job_id="web_1", differences=[Difference(path="replica")]), True),
        ]
        for answer, changes in cases:
            with self.subTest(answer=str(answer)):
                self.assertEqual(planned(answer)["changes"], changes)
