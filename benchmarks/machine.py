"""What the figures were measured on."""

import platform
from importlib.metadata import PackageNotFoundError, version

from simulator.engine.engine import available_threads
from simulator.system.machine import cpu_name

WIDTHS = (("avx512f", 512), ("avx2", 256), ("avx", 256), ("sse2", 128), ("neon", 128))


def machine() -> dict:
    """Return the processor's name, bits of its widest vectors, threads, and the versions that compile and compute."""
    import llvmlite
    import numba
    import numpy

    return {
        "cpu": cpu_name(),
        "vector_bits": vector_bits(),
        "threads": available_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "numba": numba.__version__,
        "llvmlite": llvmlite.__version__,
        "jax": _version("jax"),
    }


def _version(package):
    """Return the version of an optional package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def vector_bits() -> int:
    """Return the bits of the widest vectors that LLVM may use here; 0 if none is known."""
    import llvmlite.binding

    features = llvmlite.binding.get_host_cpu_features()
    return next((bits for name, bits in WIDTHS if features.get(name)), 0)
