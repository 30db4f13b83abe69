"""Studies of simulated federations: the real loop on a world in memory, what was seen of it, and the report."""
