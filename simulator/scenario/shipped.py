"""The scenarios that come along, found by their bare names, and the first file of a newcomer."""

import json
import os
from pathlib import Path

from simulator.model.errors import Problem, UserError, path_of
from simulator.system import new_file

# In the repository a link to the folder scenarios, which setuptools follows: an installed package has the files.
FOLDER = Path(__file__).with_name("shipped").resolve()
FIRST = Path(__file__).with_name("new.toml")
OF_A_BOOK = Path(__file__).with_name("book.toml")  # likewise, of a book that is tied to its tape
STRUCTURAL = "structural.toml"
SUFFIX = ".toml"


def names() -> list[str]:
    """Return the bare names of the shipped scenarios that run as they stand, sorted."""
    return sorted(path.stem for path in FOLDER.glob(f"*{SUFFIX}"))


def file_called(folder: Path, name: str | Path, asked_by: Path | None = None) -> Path:
    """Return the file that is called `name` as seen from `folder`; of a bare name, without a suffix, one of three.

    That is the first there is of a file called just so, NAME.toml beside it, and the shipped NAME.toml ("huabei",
    "economies/severe"): a file of one's own always wins. The file that asks, `asked_by`, is not meant by its own name.
    Whether a file is there at all is for whoever reads it to say.
    """
    path, bare = folder / name, Path(name)
    if bare.suffix or not bare.name:
        return path
    beside = (path, path.with_name(path.name + SUFFIX))
    own = str(asked_by and os.path.realpath(asked_by))
    for one in beside:
        if os.path.isfile(one) and os.path.realpath(one) != own:
            return one
    shipped = FOLDER / f"{name}{SUFFIX}"
    is_inside = not bare.is_absolute() and ".." not in bare.parts
    return shipped if is_inside and os.path.isfile(shipped) else path


def write_new(name: str | Path, book: str | Path | None = None) -> Path:
    """Write a small commented scenario, NAME.toml, and return its path; it runs as it stands.

    With `book`, a folder that `calibrate --structural` wrote, it asks of that book. Raises UserError if anything is
    there already, if it cannot be written, or if the folder has no such book.
    """
    given = path_of("name", name)
    path = given if given.suffix == SUFFIX else given.with_name(given.name + SUFFIX) if given.name else given
    if not given.name or given.name == SUFFIX:
        raise UserError(Problem(str(given), "", "this is no name", "give one such as mine: mine.toml is written"))
    text = FIRST.read_text(encoding="utf-8")
    if book is not None:
        tied = path_of("book", book) / STRUCTURAL
        if not tied.is_file():
            found = f"has no {STRUCTURAL}: reasons are what collections act on"
            raise UserError(Problem(str(tied.parent), "", found, "a folder of `simulator calibrate --structural`"))
        way = Path(os.path.relpath(tied, path.parent)).as_posix()
        text = OF_A_BOOK.read_text(encoding="utf-8").replace('"BOOK"', json.dumps(way, ensure_ascii=False))
    text = text.replace('"NAME"', json.dumps(path.stem, ensure_ascii=False))
    return new_file.write_new(path, text.replace("NAME.toml", path.name))
