"""What an answer hangs on: the numbers of a scenario that are in doubt, and what they do to the comparison."""
