"""What every room may know: layout of all arrays, fixed point, units of values, addresses of random words, errors."""
