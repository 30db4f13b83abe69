"""Who must go, and why: own life, people's orders, the cluster's owner, and one principal for another."""

from fedsched.matchmaker.preempt.life import WORSE, follow_life, urge
from fedsched.matchmaker.preempt.orders import leave_cordoned, obey_orders
from fedsched.matchmaker.preempt.owner import SETTLED_S, give_up, taken_by_owner, yield_to_owner

__all__ = [
    "SETTLED_S",
    "WORSE",
    "follow_life",
    "give_up",
    "leave_cordoned",
    "obey_orders",
    "taken_by_owner",
    "urge",
    "yield_to_owner",
]
