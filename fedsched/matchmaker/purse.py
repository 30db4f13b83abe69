"""The purse: which tiers are open and what their and the groups' budgets still pay for (SU4); one round's running sums.

Knows prices and windows, not room.
"""
