"""Recorded cycles decided again: snapshot files, what differs between two plans, and what may be shown to strangers."""

from fedsched.replay.deciding import Replayed, again, replay
from fedsched.replay.differences import Difference, differences
from fedsched.replay.file import FORMAT, Saved, SnapshotError, encode, read, write
from fedsched.replay.redaction import redact
from fedsched.replay.telling import class_names, sentence, tell

__all__ = [
    "FORMAT",
    "Difference",
    "Replayed",
    "Saved",
    "SnapshotError",
    "again",
    "class_names",
    "differences",
    "encode",
    "read",
    "redact",
    "replay",
    "sentence",
    "tell",
    "write",
]
