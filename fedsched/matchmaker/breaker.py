"""Breakers: a class that keeps failing fast on one member rests there, and one startd tries again (X8)."""
