"""Random faults against the real loop and a simulated federation: `python -m tests.faults`."""
