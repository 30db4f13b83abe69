"""Windows: hours of the day and dates, in UTC, in which a tier may be used (SU4); epoch seconds in, seconds out."""

from __future__ import annotations

from fedsched.matchmaker.model import Window

DAY_S = 86_400.0
HOUR_S = 3_600.0


def open_for_s(windows: tuple[Window, ...], at: float) -> float:
    """For how many seconds from `at` on the windows stay open; 0 while none is; infinite for no windows at all.

    Windows that meet or overlap are not joined: a startd never lives beyond the window that it was started in.
    """
    if not windows:
        return float("inf")
    return max(_open_for_s(window, at) for window in windows)


def _open_for_s(window: Window, at: float) -> float:
    if window.begins_at is not None and at < window.begins_at:
        return 0.0
    left = float("inf") if window.ends_at is None else max(0.0, window.ends_at - at)
    return left if window.hours is None else min(left, _hours_left_s(window.hours, at))


def _hours_left_s(hours: tuple[int, int], at: float) -> float:
    """Until the last hour of today's or tonight's span; (8, 8) and (0, 24) are the whole day and have no end."""
    first, last = hours
    length_s = (last - first) % 24 * HOUR_S
    if length_s == 0:
        return float("inf")
    into_s = (at - first * HOUR_S) % DAY_S
    return max(0.0, length_s - into_s)
