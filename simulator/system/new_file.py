"""A file of text that is written whole where nothing is, or not at all."""

from pathlib import Path

from simulator.model.errors import Problem, UserError
from simulator.system.inputs import reason


def write_new(path: Path, text: str) -> Path:
    """Write `text` to `path` and return it; raises UserError if anything is there, or if it cannot be written."""
    made = False
    try:
        with open(path, "x", encoding="utf-8") as file:
            made = True
            file.write(text)
    except FileExistsError:
        raise UserError(
            Problem(str(path), "", "is there already", "nothing is overwritten: give another name")
        ) from None
    except (OSError, ValueError) as error:  # no such folder, no permission, \0 in the name, a full disk
        if made:
            path.unlink()
        raise UserError(Problem(str(path), "", f"cannot be written: {reason(error)}")) from None
    return path
