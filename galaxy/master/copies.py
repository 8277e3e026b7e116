"""
What becomes of an attempt that an agent has and was not expected to have. Pure.

A slot has one machine; every other copy of it is to be stopped. Which one is the
slot's is decided by `RULES`, when `report` meets a copy that it did not expect.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from attrs import frozen

from galaxy.master.agents import Agent
from galaxy.master.jobs import Job, Version
from galaxy.master.pods import Pod
from galaxy.protocol.types_pb2 import PodState, kPodTerminate, kStagePending, kStageRunning


class Judgement(Enum):
    """What to do with a copy that was not expected."""

    ADOPT = "take it as the slot's"
    SUPERSEDE = "take it as the slot's, and stop the one that was taken for it"
    TAKE_BACK = "take it as the slot's again, and stop the one that was to succeed it"
    REFUSE = "have it stopped"
    LEAVE = "nothing: it is being taken over where it is"


REPLACING: dict[Judgement, str] = {
    Judgement.SUPERSEDE: "a later copy of it was found",
    Judgement.TAKE_BACK: "the one that it was to succeed is back, and well",
}
"""What becomes of the one that was taken for the slot's."""


@frozen
class Copy:
    """An attempt that an agent has and that is not the one its slot is known by."""

    job: Job | None
    version: Version | None
    index: int
    incarnation: int
    slot: Pod | None
    incomplete: bool  # slots of the job may be missing because their agents were not heard
    never_placed: int  # the incarnation of slots that had no machine in this reign
    overtaken: bool = False  # its agent is to take its slot over in place, or does so
    condemned: bool = False  # its agent has been told to stop it, or is about to be
    stopping: bool = False  # its agent stops it
    well: bool = False  # it runs, and is healthy
    at_home: bool = False  # of a kSystem, on a machine that should have one and has no other


@frozen
class Rule:
    """The first rule that applies to a copy says what becomes of it."""

    why: str
    applies: Callable[[Copy], bool]
    judgement: Judgement


RULES: tuple[Rule, ...] = (
    Rule("its job is not known", lambda copy: copy.job is None, Judgement.REFUSE),
    Rule("its version is not kept", lambda copy: copy.version is None, Judgement.REFUSE),
    Rule(
        "its index has ended",
        lambda copy: copy.job is not None and copy.job.has_ended(copy.index),
        Judgement.REFUSE,
    ),
    Rule("its slot is taken over in place", lambda copy: copy.overtaken, Judgement.LEAVE),
    Rule("it is being stopped already", lambda copy: copy.condemned, Judgement.REFUSE),
    Rule(
        "its machine should have one",
        lambda copy: copy.slot is None and copy.at_home,
        Judgement.ADOPT,
    ),
    Rule(
        "slots are known by who has them, until all were heard",
        lambda copy: copy.slot is None and copy.incomplete,
        Judgement.ADOPT,
    ),
    Rule("its slot is not wanted", lambda copy: copy.slot is None, Judgement.REFUSE),
    Rule(
        "its slot had no machine yet in this reign",
        lambda copy: (
            copy.slot is not None
            and copy.slot.stage == kStagePending
            and copy.slot.incarnation == copy.never_placed
        ),
        Judgement.ADOPT,
    ),
    Rule(
        "its slot was not placed again",
        lambda copy: (
            copy.slot is not None
            and copy.slot.stage == kStagePending
            and copy.incarnation >= copy.slot.incarnation
        ),
        Judgement.ADOPT,
    ),
    Rule(
        "it is later than the one that was taken for it",
        lambda copy: (
            copy.slot is not None
            and copy.slot.stage == kStageRunning
            and copy.incarnation > copy.slot.incarnation
            and not copy.stopping
        ),
        Judgement.SUPERSEDE,
    ),
    Rule(
        "it is well, and its successor never was",
        lambda copy: (
            copy.well
            and copy.slot is not None
            and copy.version is copy.slot.version
            and copy.slot.index not in copy.slot.job.finishing
            and (
                copy.slot.stage == kStagePending
                or (copy.slot.stage == kStageRunning and not copy.slot.settled)
            )
        ),
        Judgement.TAKE_BACK,
    ),
    Rule("its slot was placed again", lambda _: True, Judgement.REFUSE),
)


def judge(copy: Copy) -> tuple[Judgement, str]:
    """What becomes of a copy, and why."""
    for rule in RULES:
        if rule.applies(copy):
            return rule.judgement, rule.why
    raise AssertionError("the last rule applies to everything")


def is_overtaken(slot: Pod | None, agent: Agent, incarnation: int, state: PodState) -> bool:
    """Whether a copy is the attempt that the slot's present one takes over from, in place."""
    return (
        slot is not None
        and slot.agent is agent
        and slot.stage == kStageRunning
        and incarnation < slot.incarnation
        and (slot in agent.takeovers or state == kPodTerminate)
    )
