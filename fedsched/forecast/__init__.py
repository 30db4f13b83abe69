"""What comes next: a world in memory made from a recorded moment and driven forward by the real loop."""
