"""Seeded faults in the matchmaker: `mutants.toml` lists them, `python -m tests.mutants` shows that each is found."""
