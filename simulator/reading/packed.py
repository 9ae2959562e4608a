"""A file of records as it lies on the disk: plain, in a .gz, or the one member of a .zip; never more than it may be."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.system.inputs import MOST_RECORDS, Unpacked, room_to_unpack, size_of

TEXT = (".csv", ".tsv", ".txt")
KINDS = (*TEXT, ".xlsx", ".parquet")
SUFFIXES = (*KINDS, ".csv.gz", ".zip")
_PACKED = (".gz", ".zip")
_HIDDEN = ("__MACOSX/", ".")  # what systems put beside the files that are meant


class Source(NamedTuple):
    """A file of records and how it is packed."""

    path: str
    kind: str  # one of KINDS
    member: str  # of a .zip; "" of another file

    def open(self) -> Any:
        """Return the unpacked bytes as a file; OSError while reading where there are more of them than allowed."""
        if self.member:
            return _Member(self.path, self.member)
        return Unpacked(self.path) if self.path.lower().endswith(".gz") else open(self.path, "rb")

    def whole(self) -> bytes:
        """Return all unpacked bytes."""
        with self.open() as file:
            return file.read()


def source_of(path: str) -> Source:
    """Return the file `path`, known by its name; raises UserError where it is no file of records."""
    name, member = path.lower(), ""
    if not name.endswith((*KINDS, *_PACKED)):
        raise UserError(Problem(path, "", "unknown kind of file", f"allowed: {', '.join(SUFFIXES)}"))
    try:
        size_of(path, MOST_RECORDS, "give the path of a tape")
    except FileNotFoundError:
        near = [file.name for file in Path(path).parent.glob("*") if file.name.lower().endswith(SUFFIXES)]
        hint = did_you_mean(Path(path).name, near) if near else f"give a file ending in {', '.join(SUFFIXES)}"
        raise UserError(Problem(path, "", "no such file", hint)) from None
    if name.endswith(".zip"):
        member = _only_member(path)
        name = member.lower()
    kind = Path(name.removesuffix(".gz")).suffix
    if kind not in KINDS:
        found = f"{member!r} in it is" if member else "it unpacks to"
        raise UserError(Problem(path, "", f"{found} an unknown kind of file", f"allowed: {', '.join(KINDS)}"))
    return Source(path, kind, member)


def _only_member(path: str) -> str:
    """Return the name of the one file in a .zip."""
    with zipfile.ZipFile(path) as packed:
        members = [one for one in packed.infolist() if not one.is_dir() and not one.filename.startswith(_HIDDEN)]
    if len(members) != 1:
        names = ": " + ", ".join(one.filename for one in members[:5]) if members else ""
        raise UserError(Problem(path, "", f"{len(members):,} files in it{names}", "a .zip of one file, or unpack it"))
    if members[0].flag_bits & 1:
        raise UserError(Problem(path, "", "it is locked by a password", "unpack it first"))
    return members[0].filename


class _Member(io.RawIOBase):
    """The one file in a .zip, read: OSError where it unpacks to more than any tape of its size would."""

    def __init__(self, path: str, member: str):
        self.packed = zipfile.ZipFile(path)
        self.file = self.packed.open(member)
        self.left = self.most = room_to_unpack(path)

    def readable(self) -> bool:
        return True

    def readinto(self, room) -> int:
        content = self.file.read(len(room))
        self.left -= len(content)
        if self.left < 0:
            raise OSError(f"it unpacks to more than {self.most:,} bytes; unpack it first if it is a tape")
        room[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self.file.close()
        self.packed.close()
        super().close()


def check_workbook_size(path: str, content: bytes) -> None:
    """Raise OSError where a workbook, a .zip itself, unpacks to more than one of its size may, or is damaged."""
    room = room_to_unpack(size=len(content))
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        if sum(one.file_size for one in packed.infolist()) > room:
            raise OSError(f"it unpacks to more than {room:,} bytes")
        for one in packed.infolist():
            for _ in _pieces(packed, one):  # the size that it says may be a lie: then this is an error
                pass


def _pieces(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with packed.open(member) as file:
        while piece := file.read(1 << 20):
            yield piece
