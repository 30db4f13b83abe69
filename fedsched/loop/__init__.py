"""The loop: observe, negotiate, record, act; everything risky about carrying out a plan, no decision about it."""

from fedsched.loop.world import Clock, Fenced, Unreachable, World

__all__ = ["Clock", "Fenced", "Unreachable", "World"]
