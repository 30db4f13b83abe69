"""Recorded cycles decided again: snapshot files, what differs between two plans, and what may be shown to strangers."""
