"""A world in memory under a virtual clock, driven by the real loop; nothing here decides what to place."""
