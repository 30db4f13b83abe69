"""The daemon: reads the files, builds the world, runs the loop; signals, health, chores. It decides nothing."""

from fedsched.daemon.serving import How, Parts, serve

__all__ = ["How", "Parts", "serve"]
