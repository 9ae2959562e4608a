"""Accounts by month: read from a tape, and what is on it."""
