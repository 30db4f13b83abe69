"""The loop: observe, negotiate, record, act; everything risky about carrying out a plan, no decision about it."""

from fedsched.loop.cycle import Decision, Loop, Mind, Options, Summary, SystemClock, decide, shadow
from fedsched.loop.epoch import new_epoch
from fedsched.loop.keeping import Keeping
from fedsched.loop.run import SLICE_S, Agenda, run
from fedsched.loop.world import Clock, Fenced, LiveWorld, Unreachable, World

__all__ = [
    "SLICE_S",
    "Agenda",
    "Clock",
    "Decision",
    "Fenced",
    "Keeping",
    "LiveWorld",
    "Loop",
    "Mind",
    "Options",
    "Summary",
    "SystemClock",
    "Unreachable",
    "World",
    "decide",
    "new_epoch",
    "run",
    "shadow",
]
