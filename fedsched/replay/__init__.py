"""Recorded cycles decided again: snapshot files, what differs between two plans, and what may be shown to strangers."""

from fedsched.replay.differences import Difference, differences
from fedsched.replay.telling import class_names, sentence, tell

__all__ = ["Difference", "class_names", "differences", "sentence", "tell"]
