"""The macro link: a loss rate and the yearly change of unemployment."""
