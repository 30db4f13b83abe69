"""The daemon: reads the files, builds the world, runs the loop; signals, health, chores. It decides nothing."""

from fedsched.daemon.parts import How, Parts, Time
from fedsched.daemon.serving import serve

__all__ = ["How", "Parts", "Time", "serve"]
