"""Files of saved runs that do not say what a run's do: one message that names the folder, whoever reads them."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from simulator.model.errors import Problem, UserError


def told_by_files(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of what is made from saved runs, its `sources`, which raises UserError where their files fail it.

    Their checksums were right: the files are of another version, or somebody has changed them and the manifest too.
    """

    @wraps(method)
    def told(self, *given, **named):
        try:
            return method(self, *given, **named)
        except (UserError, OSError, MemoryError):
            raise
        except Exception as error:
            where = " and ".join(str(folder) for folder in self.sources)
            found = f"holds files that do not say what a run's do ({type(error).__name__}: {error})"
            raise UserError(Problem(where, "", found, "of another version, or changed: run it again")) from error

    return told
