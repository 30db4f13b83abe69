"""Who must go, and why: own life, people's orders, the cluster's owner, and one principal for another."""

from fedsched.matchmaker.preempt.life import WORSE, follow_life, urge
from fedsched.matchmaker.preempt.orders import leave_cordoned, obey_orders
from fedsched.matchmaker.preempt.owner import SETTLED_S, give_up, taken_by_owner, yield_to_owner
from fedsched.matchmaker.preempt.picked import Kinds, Picked
from fedsched.matchmaker.preempt.promises import in_flight, promised
from fedsched.matchmaker.preempt.room import ROOM, make_room
from fedsched.matchmaker.preempt.wishes import Evictions, Rules, Victim, Wish, evict

__all__ = [
    "ROOM",
    "SETTLED_S",
    "WORSE",
    "Evictions",
    "Kinds",
    "Picked",
    "Rules",
    "Victim",
    "Wish",
    "evict",
    "follow_life",
    "give_up",
    "in_flight",
    "leave_cordoned",
    "make_room",
    "obey_orders",
    "promised",
    "taken_by_owner",
    "urge",
    "yield_to_owner",
]
