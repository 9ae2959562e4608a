"""Loans of which only the end is known, and the scenario they give."""
