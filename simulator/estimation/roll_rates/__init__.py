"""How accounts move between states: matrices, factor, forecasts, and the scenario they give."""
