"""Files that the user names: regular ones up to a stated size. Everything else is refused before it is opened."""

import gzip
import os
import stat

from simulator.model.errors import Problem, UserError

MIB, GIB = 1 << 20, 1 << 30
MOST_TEXT = MIB  # a scenario, a mapping, targets, a policy's file: what people write; matrices typed in, too
MOST_RECORDS = 8 * GIB  # a tape, a series: as it lies on the disk; it is read whole
UNPACKED_FREELY = 256 * MIB  # what a compressed file may unpack to, however small it is
MOST_UNPACKING = 100  # beyond that, times its own size; tapes unpack to 5 to 20 times
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def size_of(path: str | os.PathLike, most: int, wish: str = "") -> int:
    """Return the bytes of the regular file `path`, without opening it.

    Raises FileNotFoundError, and UserError if it is something else, cannot be reached, or has more than `most` bytes;
    `wish` says what to give instead.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # links in a circle, no permission on the way, \0 in the name
        raise UserError(Problem(str(path), "", f"cannot be read: {reason(error)}", wish)) from None
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for is_one, name in _KINDS if is_one(found.st_mode)), "no regular file")
        raise UserError(Problem(str(path), "", f"this is {kind}", wish))
    if found.st_size > most:
        raise UserError(Problem(str(path), "", f"{found.st_size:,} bytes", f"allowed: up to {most:,}"))
    return found.st_size


def content_of(path: str | os.PathLike, most: int = MOST_TEXT, wish: str = "") -> bytes:
    """Return the bytes of a regular file of at most `most`; raises as `size_of` does."""
    size_of(path, most, wish)
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(Problem(str(path), "", f"cannot be read: {reason(error)}", wish)) from None
    if content is None:  # a file of the system that waits for what may never come
        raise UserError(Problem(str(path), "", "nothing to read", wish))
    if len(content) > most:  # it grew, or is a file of the system that does not say its size
        raise UserError(Problem(str(path), "", f"more than {most:,} bytes", f"allowed: up to {most:,}"))
    return content


def room_to_unpack(path: str | os.PathLike = "", size: int | None = None) -> int:
    """Return the bytes that a packed file may unpack to: of the file `path`, or of one of `size` bytes."""
    return max(UNPACKED_FREELY, MOST_UNPACKING * (os.stat(path).st_size if size is None else size))


class Unpacked(gzip.GzipFile):
    """A compressed file, read: OSError where it unpacks to more than any tape of its size would."""

    def __init__(self, path: str):
        """Open the file; it may unpack to UNPACKED_FREELY bytes, or to MOST_UNPACKING times its own."""
        super().__init__(path, "rb")
        self.left = self.most = room_to_unpack(path)

    def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes, those that are left where it is below 0."""
        content = super().read(self.left + 1 if size is None or size < 0 else size)
        self.left -= len(content)
        if self.left < 0:
            raise OSError(f"it unpacks to more than {self.most:,} bytes; unpack it first if it is a tape")
        return content


def _without_waiting(path, flags):
    """Open a file, so that what became a pipe in the meantime holds nobody up."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def reason(error: Exception) -> str:
    """Return in words why the system refuses a file."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
