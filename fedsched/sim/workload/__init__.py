"""Jobs for simulated federations: generators of spikes, and readers of real systems' logs; nothing runs here."""

from fedsched.sim.workload.jobs import TooManyError, generated, submitted
from fedsched.sim.workload.terms import Source, Trace, Workload

__all__ = ["Source", "TooManyError", "Trace", "Workload", "generated", "submitted"]
