"""The purse: which tiers are open and what their and the groups' budgets still pay for (SU4); one round's running sums.

Knows prices and windows, not room.
"""

from fedsched.matchmaker.purse.budgets import END_S
from fedsched.matchmaker.purse.offers import Offer, price
from fedsched.matchmaker.purse.spending import Priced, Purse

__all__ = ["END_S", "Offer", "Priced", "Purse", "price"]
