"""The book: room, quotas and budgets of every member while one round is filled; each startd booked takes its part.

Knows no principals, and classes only by the key of who asks for growth. One member's numbers never change another's.
"""

from fedsched.matchmaker.book.booking import HOLD_ROOM_S, REMEMBER_REFUSAL_S, Book, refusal_key

__all__ = ["HOLD_ROOM_S", "REMEMBER_REFUSAL_S", "Book", "refusal_key"]
