"""The outside world: its path, its shocks, and the tables they give."""
