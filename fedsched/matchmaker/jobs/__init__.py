"""Users' Kubernetes Jobs: which of them wait, what becomes of their copies, what their queues are told; no placing."""

from fedsched.matchmaker.jobs.copies import Known, follow, given_up, known, let_go, lived
from fedsched.matchmaker.jobs.mirror import Telling, told
from fedsched.matchmaker.jobs.waiting import counted, waiting

__all__ = [
    "Known",
    "Telling",
    "counted",
    "follow",
    "given_up",
    "known",
    "let_go",
    "lived",
    "told",
    "waiting",
]
