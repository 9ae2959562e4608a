"""The levels of x86-64 processors, as their ABI defines them: code made for a level runs on every processor of it."""

import llvmlite.binding as llvm

V2 = {"cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"}
V3 = V2 | {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}
V4 = V3 | {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"}
LEVELS = {"x86-64-v4": V4, "x86-64-v3": V3}  # for which an installation may bring code; the highest first


def levels() -> list[str]:
    """Return the names of the levels that this processor is of, the highest first; none if it is of another kind."""
    there = {name for name, is_there in llvm.get_host_cpu_features().items() if is_there}
    return [level for level, needed in LEVELS.items() if needed <= there]
