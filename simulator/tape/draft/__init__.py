"""A first mapping of a file: what each column seems to be, what its codes do, and questions where that is unsure."""
