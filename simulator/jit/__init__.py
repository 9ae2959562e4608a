"""How numba and LLVM are used: compiling, keeping compiled code, and the vector instructions numba has no word for."""
