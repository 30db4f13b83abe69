"""The hub cluster that holds users' Jobs: what is installed there, how it is read, what is written; no decisions."""
