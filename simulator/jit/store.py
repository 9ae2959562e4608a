"""Compiled code on disk: in a folder that is this user's alone, every file sealed with a digest that is checked first.

One flipped bit in machine code can give wrong numbers that add up. What is damaged is not loaded, and is compiled anew.
"""

import hashlib
import os
import stat
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
COMPILED_FROM = ("jit/*.py", "kernel/*.py", "model/layout.py", "model/philox.py", "model/tables.py")
SEAL = hashlib.sha256().digest_size  # bytes at the end of a file
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def source_hash(package=PACKAGE):
    """Return a hexadecimal SHA-256 of the name and bytes of every source that compiled code is made of."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in COMPILED_FROM for path in package.glob(pattern)):
        source = path.read_bytes()
        digest.update(f"{path.relative_to(package)} {len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()


def base_folder():
    """Return where caches live: $SIMULATOR_CACHE_DIR, else `simulator` in the user's cache folder, if there is one."""
    if chosen := os.environ.get("SIMULATOR_CACHE_DIR"):
        return Path(chosen)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "simulator"
    except RuntimeError:  # a user of whom the system knows no home, as in many a container
        return Path(tempfile.gettempdir(), f"simulator-{os.geteuid()}")


BROUGHT = Path(__file__).parent / "brought"  # by a wheel: folders as those of the cache, for levels of processors
FOLDER = base_folder() / f"numba-{version('numba')}-{source_hash()[:16]}"


def why_not(folder: Path) -> str:
    """Return why compiled code is not to be kept in `folder`, which is made if it is not there; empty if it may."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        return error.strerror
    if not stat.S_ISDIR(found.st_mode):
        return "it is no folder"
    if not _is_ours(found):
        return "others may write to it"
    return "" if os.access(folder, os.W_OK) else "it may not be written to"


def _is_ours(found):
    return found.st_uid == os.geteuid() and not found.st_mode & OTHERS_WRITE


WHY_NOT = why_not(FOLDER)
CACHED = not WHY_NOT  # without a place to keep it, code is compiled in every process: slow, never stale


def keep(path: Path, content: bytes) -> None:
    """Write a sealed file, or say why it is not kept."""
    if not CACHED:
        say(f"{FOLDER}: {WHY_NOT}; not kept, so every command compiles")
        return
    try:
        write(path, content)
    except OSError as error:
        say(f"{path}: {error.strerror}; not kept")


def write(path: Path, content: bytes) -> None:
    """Write a sealed file, whole or not at all."""
    handle, partial = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # for this user only
    try:
        with open(handle, "wb") as file:
            file.write(content + _seal(path, content))
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise


def read_brought(name: str) -> bytes | None:
    """Return the content of a sealed file that came with the simulator, as `read` does."""
    return _unsealed(BROUGHT / FOLDER.name / name, lambda found: True)  # who may write there may edit the sources


def read(path: Path) -> bytes | None:
    """Return the content of a sealed file; None if it is not there or, with a word, not as it was written."""
    return _unsealed(path, _is_ours) if CACHED else None


def _unsealed(path, is_trusted):
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            is_ours, sealed = is_trusted(os.fstat(file.fileno())), file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        say(f"{path}: {error.strerror}; compiled anew")
        return None
    content, seal = sealed[:-SEAL], sealed[-SEAL:]
    if not is_ours or seal != _seal(path, content):
        say(f"{path}: {'is damaged' if is_ours else 'others may write to it'}; compiled anew")
        return None
    return content


def _seal(path, content):
    """Return the digest of a file: of its content and its place, so that none stands for another."""
    return hashlib.sha256(f"{FOLDER.name}/{path.name}\n".encode() + content).digest()


@cache
def say(line: str) -> None:
    """Say a line on the error stream, once."""
    print(f"compiled code: {line}", file=sys.stderr)
