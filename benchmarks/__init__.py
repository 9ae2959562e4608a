"""How fast the kernel is, and the exact checks too large for a unit test. `python -m benchmarks --help` says how."""
