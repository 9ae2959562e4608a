"""The machine and its files: memory and processors, signals, files read within bounds, folders whole or not there."""
