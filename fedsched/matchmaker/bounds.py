"""Bounds: groups' quotas and limits, principals' ceilings and concurrency limits while one round is filled (FS1, Q7).

Knows who holds what, not where.
"""
