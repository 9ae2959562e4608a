"""A folder of results: whole or not there, and never in the place of what no run has written.

It is written beside its place, as `.NAME.NUMBER.partial`, and renamed; what stood there is `.NAME.NUMBER.old` for that
moment. Both are locked while their process lives, so that the next run into the place knows what a killed one left.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from simulator.model.errors import Problem, UserError, path_of
from simulator.system.machine import environment

MANIFEST = "manifest.json"  # written last, with the SHA-256 of every other file: its presence means a whole folder
FILES = frozenset(  # whatever any command has ever written: so a folder without a manifest is known as a run's
    f"{MANIFEST} scenario.toml summary.json report.html comparison.parquet monthly.parquet rolls.parquet "
    "replications.parquet vintages.parquet page.json shards.json mapping.toml tape.json factor.json ratios.csv "
    "roll_matrix.csv roll_matrix_balance.csv roll_matrix_by_grade.csv memory.csv rows.csv gone.csv book.parquet "
    "book.toml vintages.csv one_month_ahead.csv levels.csv structural.toml "
    "structural_parameters.csv people.parquet people.toml tie.csv cumulative.csv "
    "structural_moments.csv outcomes.csv held_out.csv hazards.csv backtest.json scores.csv fan.csv accounts.parquet "
    "economy.toml macro.json macro.svg forecast.csv effects.toml posterior.csv response.csv next_trial.csv "
    "flips.parquet screened.parquet breakeven.json sweep.parquet tornado.parquet tail.json "
    "tail.parquet optimise.json frontier.parquet results.xlsx settings.parquet "
    "measures.parquet".split()
)
MOST_BYTES = 1 << 24  # of a manifest that is read: the largest is some ten thousand
ELSEWHERE = "choose another --out"
IN_MEMORY = "/dev/shm"  # where Linux keeps files when every disk is full

Files = Callable[[Path, dict[str, Any]], None]  # writes files into the folder, numbers first; is given the manifest


class Place:
    """Where results go: checked before the work begins, so that nothing is computed in vain, and filled at its end."""

    def __init__(self, folder: str | Path, overwrite: bool = False, say: Callable[[str], None] = lambda line: None):
        """Check that results may go to `folder`; `say` is told what a killed run had left there.

        Raises UserError if the folder cannot be made, if it holds a run and `overwrite` is not set, or anything that no
        run has written. A link is followed.
        """
        self.folder, self.overwrite = path_of("folder", folder), overwrite
        self.written: Path | None = None  # where the results are
        try:
            self.path = Path(os.path.realpath(folder))
            for line in _tidy(self.path):
                say(line)
            found, allowed = _obstacle(self.path, overwrite)
            self.stands = _identity(self.path)
        except (OSError, ValueError) as error:  # a name too long, a circle of links, a folder that may not be read
            found, allowed = f"cannot be used: {_reason(error)}", ELSEWHERE
        if found:
            raise UserError(Problem(str(folder), found=found, allowed=allowed))

    def write(self, files: Files, manifest: dict[str, Any]) -> dict[str, Any]:
        """Write the folder whole or not at all, and return its manifest as written.

        A value of `manifest` that can be called is asked with the folder. Raises UserError, with the place where the
        results are instead, if the folder cannot be written or another run has been there meanwhile.
        """
        manifest = {**environment(), **manifest}
        try:
            return self._put(self.path, files, manifest)
        except UserError:
            raise
        except (OSError, _Taken) as error:
            allowed = "no other place takes them either: nothing was written"
            if rescued := self._rescue(files, manifest):
                allowed = f"the results are in {rescued} instead"
            found = str(error) if isinstance(error, _Taken) else f"cannot be written: {_reason(error)}"
            raise UserError(Problem(str(self.folder), found=found, allowed=allowed)) from None
        except Exception as error:  # a fault of ours: what could be written is kept
            if rescued := self._rescue(files, manifest):
                error.add_note(f"The results, as far as they could be written, are in {rescued}.")
            raise

    def _rescue(self, files, manifest):
        """Write the results beside the place or, if that fails, in the system's temporary folder, or in memory.

        Returns where they are, None if nowhere. What a fault keeps from being written is missing there, and the
        manifest says so.
        """
        for above in (None, tempfile.gettempdir, lambda: IN_MEMORY):
            with suppress(Exception):
                if not above:
                    numbers = (self.path.with_name(f"{self.path.name}-{k}") for k in count(2))
                    path = next(path for path in numbers if not os.path.lexists(path))
                    self._put(path, files, manifest, whole=False)
                else:
                    private = Path(tempfile.mkdtemp(prefix="simulator-", dir=above()))
                    path = private / self.path.name
                    try:
                        self._put(path, files, manifest, whole=False)
                    finally:
                        with suppress(OSError):
                            private.rmdir()  # where nothing is in it
                self.written = path
                return path
        return None

    def _put(self, path, files, manifest, whole=True):
        """Write a folder at `path` and return its manifest; with `whole` False all that can be written."""
        manifest = {name: value(path) if callable(value) else value for name, value in manifest.items()}
        missing = [above for above in path.parents if not above.exists()]
        done = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _partial(path) as partial:
                try:
                    files(partial, manifest)
                except (OSError, UserError):
                    raise
                except Exception as error:
                    if whole or not any(partial.iterdir()):
                        raise
                    manifest["incomplete"] = f"{type(error).__name__}: {error}"
                manifest["files"] = {file.name: _digest(file) for file in sorted(partial.iterdir())}
                write_json(partial / MANIFEST, manifest)
                if path == self.path:
                    self._move(partial)
                else:
                    _rename(partial, path)
            done = True
        finally:
            if not done:
                for above in missing:
                    with suppress(OSError):
                        above.rmdir()
        return manifest

    def _move(self, partial):
        """Put `partial` where the folder is to be. Who comes first has the place: _Taken if that was another."""
        if _identity(self.path) is None:
            _rename(partial, self.path)
            self.written = self.folder
            return
        if not self.overwrite or _identity(self.path) != self.stands:
            raise _Taken
        if strange := _strangers(self.path):
            raise _Taken(_holds(strange))
        old = partial.with_suffix(".old")
        with held(self.path):
            done = False
            try:
                os.rename(self.path, old)
                if _identity(old) != self.stands:
                    raise _Taken
                _rename(partial, self.path)
                self.written, done = self.folder, True
            finally:
                if not done:
                    with suppress(OSError):
                        os.rename(old, self.path)
            try:
                _remove(old)
            except KeyboardInterrupt:
                _remove(old)
                raise


def placed(
    folder: str | Path | Place, overwrite: bool = False, say: Callable[[str], None] = lambda line: None
) -> Place:
    """Return the place of a folder, checked, unless `folder` is one that has been."""
    return folder if isinstance(folder, Place) else Place(folder, overwrite, say)


def spoiled(folder: Path) -> list[str]:
    """Return the names of the files of a run that are not as its manifest says; the manifest's own if it is no run."""
    manifest = _manifest(folder)
    if manifest is None:
        return [MANIFEST]
    files = (_listed(manifest) or {}).items()
    return [name for name, digest in files if not (folder / name).is_file() or _digest(folder / name) != digest]


def write_json(path: Path, content: Any, indent: int | None = 2) -> None:
    """Write JSON that any reader takes: no NaN, readable text; in one line without `indent`."""
    path.write_text(json.dumps(content, indent=indent, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")


class _Taken(Exception):
    """Something else has come to stand where results were to go."""

    def __str__(self):
        """Return what, in words."""
        return super().__str__() or "another run has been written there meanwhile"


def _obstacle(path, overwrite):
    """Return (what is in the way of results at `path`, what to do about it), empty if nothing is."""
    if any(part.is_symlink() for part in (path, *path.parents)):  # links that lead anywhere are followed by now
        return "is a circle of links", ELSEWHERE
    if os.path.lexists(path):
        if not path.is_dir():
            return "is no folder", ELSEWHERE
        if Path.cwd().is_relative_to(path):
            return "is the folder you are in", "choose one inside it"
        if os.path.ismount(path):
            return "is a mount point", "choose a folder inside it"
        if strange := _strangers(path):
            return _holds(strange), ELSEWHERE
        if any(path.iterdir()) and not overwrite:
            return "holds a complete run", "--overwrite replaces it (overwrite=True in Python)"
    above = next(parent for parent in path.parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        return f"cannot be made in {above}", ELSEWHERE
    if len(os.fsencode(f".{path.name}.{2**32}.partial")) > os.pathconf(above, "PC_NAME_MAX"):
        return "has too long a name", ELSEWHERE
    if above == path.parent:  # said now, not after the simulation
        with _partial(path):
            pass
    return "", ""


def _holds(strange):
    """Say that a folder holds what is not ours."""
    return f"holds {', '.join(strange[:5])}{', ...' if strange[5:] else ''}, which no run has written"


def _manifest(folder):
    """Return the manifest of a folder that a run has written; None of any other."""
    path = folder / MANIFEST
    try:
        if not path.is_file() or path.is_symlink() or path.stat().st_size > MOST_BYTES:
            return None
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    versions = found.get("versions") if isinstance(found, dict) else None
    return found if isinstance(versions, dict) and "simulator" in versions else None


def _listed(manifest):
    """Return the files of a manifest with their digests; None if it has no list, as those of before."""
    files = (manifest or {}).get("files")
    return files if isinstance(files, dict) else None


def _strangers(folder):
    """Return the names of what no run has written in a folder: other files, folders, and files changed since."""
    manifest, found = _manifest(folder), []
    written = _listed(manifest)
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if not manifest or not entry.is_file(follow_symlinks=False):
            found.append(entry.name)
        elif entry.name == MANIFEST:
            continue
        elif written is None:
            found += [entry.name] * (entry.name not in FILES)
        elif entry.name not in written:
            found.append(entry.name)
        elif _digest(Path(entry)) != written[entry.name]:
            found.append(f"{entry.name} (changed since)")
    return found


def _identity(folder):
    """Return what tells the run in a folder from every other; None where there is none."""
    try:
        found = os.stat(folder / MANIFEST)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _digest(path):
    """Return the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tidy(path) -> Iterator[str]:
    """Remove what killed runs have left beside `path`, or put it back; yield what was done."""
    name = re.compile(rf"\.{re.escape(path.name)}\.\d+\.(partial|old)")
    if not path.parent.is_dir():
        return
    for left in sorted(path.with_name(found) for found in os.listdir(path.parent) if name.fullmatch(found)):
        with held(left) as mine:
            if mine:  # else its run is still at work
                yield f"{left}: {_settle(left, path)}"


def _settle(left, path):
    """Remove what a killed run has left, or put it back if it is the run that stood at `path`; say which."""
    is_whole = _manifest(left) is not None
    if is_whole and left.suffix == ".old":
        with suppress(OSError):  # which is not done where anything stands
            os.rename(left, path)
            return "put back; the run that was to replace it was killed"
    strange = _strangers(left) if is_whole else _unknown(left)
    if strange:
        return f"left by a run that was killed; it stays, for it {_holds(strange)}"
    if is_whole and left.suffix == ".old" and not _manifest(path):
        return f"stays: the run that stood at {path}, where now something else stands"
    _remove(left)
    return "left by a run that was killed; removed"


def _unknown(folder):
    """Return the names of what is in a folder and bears no name of ours."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    return [entry.name for entry in entries if entry.name not in FILES or not entry.is_file(follow_symlinks=False)]


def _remove(folder):
    """Remove a folder of ours, its manifest first, from when on it does not look whole; what is not ours stays."""
    ours = FILES | set(_listed(_manifest(folder)) or ())
    with suppress(OSError):
        for name in sorted(ours & set(os.listdir(folder)), key=lambda name: name != MANIFEST):
            (folder / name).unlink()
        folder.rmdir()


def _rename(folder, path):
    """Rename a folder; _Taken if anything but an empty folder stands there."""
    try:
        os.rename(folder, path)
    except OSError:
        if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
            raise _Taken("" if _manifest(path) else "has been filled by something else meanwhile") from None
        raise


@contextmanager
def _partial(path):
    """Give an empty folder beside `path`, locked; remove it in the end, if it is still there."""
    for number in count(os.getpid()):
        partial = path.with_name(f".{path.name}.{number}.partial")
        if os.path.lexists(partial.with_suffix(".old")):
            continue
        try:
            partial.mkdir()
        except FileExistsError:  # of a process of this number on another machine, or that was killed
            continue
        with held(partial) as mine:
            if mine is not False:
                try:
                    yield partial
                finally:
                    shutil.rmtree(partial, ignore_errors=True)
                return


@contextmanager
def held(folder: Path) -> Iterator[bool | None]:
    """Give whether this process now holds the lock of a folder; None where the file system has no locks."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = os.path.samestat(os.fstat(handle), os.stat(folder))
        except (BlockingIOError, FileNotFoundError):
            held = False
        except OSError:
            held = None
        yield held
    finally:
        os.close(handle)


def _reason(error):
    """Return why the system refused something, in its words."""
    return getattr(error, "strerror", None) or str(error)
