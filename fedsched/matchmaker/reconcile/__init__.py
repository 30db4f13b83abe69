"""What memory, objects, pods, slots and outcomes say together about each placement (FA7, FA8).

The result is facts: phases, failures, ghosts, orphans. What should become of them is decided elsewhere.
"""

from fedsched.matchmaker.reconcile.of_jobs import surely_ended_at
from fedsched.matchmaker.reconcile.reconciling import Reconciled, reconcile
from fedsched.matchmaker.reconcile.seen import Standing, has_its_name
from fedsched.matchmaker.reconcile.unchanged import Again

__all__ = ["Again", "Reconciled", "Standing", "has_its_name", "reconcile", "surely_ended_at"]
