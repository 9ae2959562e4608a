"""The machine at fault under every command that writes or reads: each ends 0 or 2, whole or with nothing, and soon.

Full and read-only disks are mounted for one process alone (`unshare`); where the system does not allow that, they are
left out, and it is said.
"""

import gzip
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from simulator.system.folders import MANIFEST, spoiled
from simulator.system.inputs import UNPACKED_FREELY

from . import records, strange
from .cases import packed
from .worlds import ROOT

SECONDS = 10  # of processor time in which an answer must be there
LONG = 300  # ... where the kernel is compiled first, or many months are lived
PATIENCE = 600  # on the clock
SIZES = "--borrowers 300 --months 3 --replications 2"
COLUMNS = 1_000_000
WRITERS = {  # a command of each kind that writes a folder; "{}" is where
    "run": f"run good.toml {SIZES} --out {{}}",
    "compare": f"compare decide.toml {SIZES} --out {{}}",
    "calibrate": "calibrate panel.csv --mapping panel.toml --out {}",
    "sweep": f"sweep decide.toml {SIZES} --vary policy.cut.keep=0.2:0.8:2 --out {{}}",
    "macro": "macro series.csv --date quarter --unemployment unemployment --rate losses --out {}",
}
READERS = {  # a command that reads records, "{}"
    "map": "map {}",
    "calibrate": "calibrate {} --mapping panel.toml --out out",
    "book": f"run book.toml --set portfolio.tape={{}} {SIZES} --out out",
    "macro": "macro {} --date quarter --unemployment unemployment --rate losses --out out",
    "learn": "learn {} --scenario decide.toml --effect policy.cut.keep --counts day1_rate --out out",
}
INSTEAD = re.compile(r"the results are in (\S+) instead")


class Answer(NamedTuple):
    """What became of a command."""

    fault: str
    command: str
    code: int
    seconds: float
    wrong: str  # "" where it ended as it must


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    said: str
    seconds: float  # of processor time


def answers(some: str = "") -> Iterator[Answer]:
    """Yield what becomes of every command under every fault whose name begins with `some`."""
    for name, find in FAULTS.items():
        if name.startswith(some):
            with TemporaryDirectory() as place:
                yield from find(name, made(Path(place)))


def made(folder: Path) -> Path:
    """Return the folder, with the files that commands read."""
    strange.write_right(folder)
    rows = records.SHAPES["series"]().rows
    (folder / "series.csv").write_text("\n".join(map(",".join, rows)) + "\n", encoding="utf-8")
    return folder


def ended(folder: Path, words: str, before: str = "", limit: int = 0, **env: str | None) -> Ended:
    """Return how a command ends in a folder, after a line of shell in a name space of its own mounts, if any."""
    process, begun = started(folder, words, before, limit, **env), _children_time()
    try:
        said = process.communicate(timeout=PATIENCE)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return Ended(-1, f"no answer in {PATIENCE} seconds", PATIENCE)
    return Ended(process.returncode, said, _children_time() - begun)


def started(folder: Path, words: str, before: str = "", limit: int = 0, **env: str | None) -> subprocess.Popen:
    """Return the process of a command, with at most `limit` bytes of data, if any; of `env` None takes a name away."""
    command = [sys.executable, "-m", "simulator", *words.split()]
    if before:
        command = ["unshare", "-m", "sh", "-c", f'{before} && exec "$@"', "sh", *command]
    set_ = {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)} | env
    whole = {name: value for name, value in {**os.environ, **set_}.items() if value is not None}
    return subprocess.Popen(
        command, cwd=folder, env=whole, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", preexec_fn=(lambda: _limit(limit)) if limit else None,
    )  # fmt: skip


def _limit(most):
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _children_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def judged(found: Ended, codes: tuple[int, ...], said: str = "", seconds: float = SECONDS) -> str:
    """Return what is wrong with how a command ended; "" if nothing is."""
    if "Traceback" in found.said or found.code not in codes:
        return f"exit code {found.code}: {found.said[-300:]}"
    if found.code == 2 and "error: " not in found.said:
        return f"no message: {found.said[-300:]}"
    if said not in found.said:
        return f"not told: {said}: {found.said[-300:]}"
    return f"{found.seconds:.1f} seconds" if found.seconds > seconds else ""


def litter(folder: Path, out: str = "out") -> str:
    """Return what is wrong with what stands in a folder: a run that is not whole, or what was left on the way."""
    above = (folder / out).parent
    found = [path.name for path in above.glob(f".{Path(out).name}.*")]
    if (folder / out).exists() and (bad := spoiled(folder / out)):
        found += bad
    return f"left behind, or not whole: {', '.join(found)}" if found else ""


# ---- disks -----------------------------------------------------------------------------------------------------------


def mounts() -> bool:
    """Return whether this system lets a process mount disks for itself."""
    with suppress(OSError):
        return not subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode
    return False


def full_disk(name: str, folder: Path) -> Iterator[Answer]:
    """A disk of 64 kB: what is counted is refused before, with --yes it ends in the system's temporary folder."""
    (folder / "full").mkdir()
    full = "mount -t tmpfs -o size=64k none full"
    for kind, words in WRITERS.items() if mounts() else ():
        for yes in ("", " --yes") if kind != "macro" else ("",):
            found = ended(folder, words.format("full/out") + yes, full)
            wrong = judged(found, (2,))
            if not wrong and (elsewhere := INSTEAD.search(found.said)):
                there = Path(elsewhere[1])
                wrong = "" if (there / MANIFEST).exists() and not spoiled(there) else f"not whole: {there}"
            elif not wrong and "the results would take" not in found.said:
                wrong = f"the results are nowhere: {found.said[-300:]}"
            yield Answer(name, f"{kind}{yes}", found.code, found.seconds, wrong)
        if kind in ("run", "calibrate"):
            found = ended(
                folder,
                words.format("full/out") + " --yes",
                f"{full} && mount --bind full /dev/shm",
                TMPDIR=str(folder / "full"),
            )
            yield Answer(
                name, f"{kind}, everywhere", found.code, found.seconds, judged(found, (2,), "nothing was written")
            )


def read_only(name: str, folder: Path) -> Iterator[Answer]:
    """A disk that nobody may write to."""
    (folder / "locked").mkdir()
    for kind, words in WRITERS.items() if mounts() else ():
        found = ended(folder, words.format("locked/out"), "mount -t tmpfs -o ro none locked")
        yield Answer(name, kind, found.code, found.seconds, judged(found, (2,), "locked/out: cannot be "))


def removed(name: str, folder: Path) -> Iterator[Answer]:
    """The folder above the results, what is written of them, and the folder one is in, taken away at work."""
    for kind, words in WRITERS.items():
        for what in ("above", "partial", "current"):
            here = made(folder / f"{kind}-{what}") if (folder / f"{kind}-{what}").mkdir() is None else folder
            process, begun = started(here, words.format("a/b/out"), TMPDIR=str(folder)), _children_time()
            _take_away(process, here, what)
            said = process.communicate(timeout=PATIENCE)[0]
            found = Ended(process.returncode, said, _children_time() - begun)
            wrong = judged(found, (0, 2)) or litter(here, "a/b/out")
            yield Answer(f"{name}: {what}", kind, found.code, found.seconds, wrong)


def _take_away(process, here, what):
    """Remove something while a process is at work."""
    if what == "current":
        time.sleep(1.0)
        shutil.rmtree(here, ignore_errors=True)
    while process.poll() is None:
        if what == "above" and (here / "a").exists() and not any((here / "a" / "b").glob(".*")):
            shutil.rmtree(here / "a", ignore_errors=True)
        if (
            what == "partial"
            and (written := [*(here / "a" / "b").glob(".out.*.partial")])
            and any(written[0].iterdir())
        ):
            shutil.rmtree(written[0], ignore_errors=True)
            return
        time.sleep(0.002)


# ---- processes -------------------------------------------------------------------------------------------------------


def killed(name: str, folder: Path, times: int = 3) -> Iterator[Answer]:
    """Each command, killed at random moments: no run or a whole one; the next run succeeds and leaves no litter."""
    dice = random.Random(1)
    for kind, words in WRITERS.items():
        line = words.format("out") + " --overwrite"
        begun = time.perf_counter()
        ended(folder, line)
        whole = time.perf_counter() - begun
        for _ in range(times):
            process = started(folder, line)
            with suppress(subprocess.TimeoutExpired):
                process.wait(dice.uniform(0.2, 1) * whole)
            process.kill()
            process.communicate()
            wrong = "" if not spoiled(folder / "out") else "what stands is not whole"
            found = ended(folder, line)
            wrong = wrong or judged(found, (0,)) or litter(folder)
            yield Answer(name, kind, found.code, found.seconds, wrong)


def worker_killed(name: str, folder: Path) -> Iterator[Answer]:
    """The process that draws the pictures, killed as soon as it is there, or later: this one draws them."""
    for kind in ("run", "compare"):
        for wait in (0.0, 1.0, 2.0):
            process, begun = started(folder, WRITERS[kind].format("out") + " --overwrite"), _children_time()
            shot = 0
            while process.poll() is None and not shot:
                for child in _children(process.pid):
                    time.sleep(wait)
                    with suppress(OSError):
                        os.kill(int(child), signal.SIGKILL)
                        shot += 1
                time.sleep(0.005)
            said = process.communicate(timeout=PATIENCE)[0]
            found = Ended(process.returncode, said, _children_time() - begun)
            yield Answer(name, kind, found.code, found.seconds, judged(found, (0,)) or litter(folder))


def _children(number):
    with suppress(OSError):
        return Path(f"/proc/{number}/task/{number}/children").read_text().split()
    return []


def two_at_once(name: str, folder: Path) -> Iterator[Answer]:
    """Two runs into one folder: one has it, the other's results are beside it; both are whole."""
    for kind, words in WRITERS.items():
        for how in ("", " --overwrite"):
            out = f"{kind}{len(how)}"
            both = [started(folder, words.format(out) + how) for _ in range(2)]
            told = [process.communicate(timeout=PATIENCE)[0] for process in both]
            codes = sorted(process.returncode for process in both)
            said = "\n".join(told)
            allowed = ([0, 2], [0, 0]) if how else ([0, 2],)
            wrong = "" if codes in allowed and "Traceback" not in said else f"{codes}: {said[-300:]}"
            if not wrong and (elsewhere := INSTEAD.search(said)) and spoiled(folder / elsewhere[1]):
                wrong = f"not whole: {elsewhere[1]}"
            yield Answer(name, f"{kind}{how}", codes[-1], 0.0, wrong or litter(folder, out))


# ---- surroundings ----------------------------------------------------------------------------------------------------

PLACES = {
    "no HOME": {"HOME": None, "XDG_CACHE_HOME": None},
    "HOME is nowhere": {"HOME": "/nowhere/at/all", "XDG_CACHE_HOME": None, "SIMULATOR_CACHE_DIR": None},
    "the cache is a file": {"SIMULATOR_CACHE_DIR": "good.toml"},
    "no TMPDIR": {"TMPDIR": "/nowhere/at/all"},
}
LOCALES = ("C", "POSIX", "C.UTF-8", "zh_CN.UTF-8", "zh_CN.GB18030", "no_SUCH.LOCALE")
JUMPS = """
import time
_now, _calls = time.time, 0
def _jumping():
    global _calls
    _calls += 1
    return _now() + (-1) ** _calls * 31_536_000
time.time = _jumping
"""


def surroundings(name: str, folder: Path) -> Iterator[Answer]:
    """No home, no place for compiled code, no temporary folder: slower at most."""
    for what, env in PLACES.items():
        found = ended(folder, WRITERS["run"].format("out") + " --overwrite", **env)
        yield Answer(f"{name}: {what}", "run", found.code, found.seconds, judged(found, (0,), seconds=LONG))


def locales(name: str, folder: Path) -> Iterator[Answer]:
    """Chinese titles, names and folders wherever the terminal speaks something else, or nothing that is known."""
    text = strange.DECIDE.replace('extends = "good.toml"', 'extends = "good.toml"\ntitle = "花呗 – é"')
    (folder / "花呗.toml").write_text(text, encoding="utf-8")
    made_here = folder / "locales"
    made_here.mkdir()
    for charset in ("UTF-8", "GB18030"):  # the system may have none but its own
        with suppress(OSError):
            into = made_here / f"zh_CN.{charset}"
            subprocess.run(["localedef", "-i", "zh_CN", "-f", charset, into], capture_output=True)
    for locale in LOCALES:
        plain = {"LC_ALL": locale, "LANG": None, "LOCPATH": str(made_here)}
        for words in ("check 花呗.toml", f"compare 花呗.toml {SIZES} --language zh --overwrite --out 结果"):
            found = ended(folder, words, **plain)
            yield Answer(f"{name}: {locale}", words.split()[0], found.code, found.seconds, judged(found, (0,)))


def clock(name: str, folder: Path) -> Iterator[Answer]:
    """A clock that jumps by two years, to and fro, whenever it is read."""
    (folder / "late").mkdir()
    (folder / "late" / "sitecustomize.py").write_text(JUMPS, encoding="utf-8")
    for kind, words in WRITERS.items():
        found = ended(folder, words.format(kind), PYTHONPATH=f"{folder / 'late'}:{ROOT}")
        yield Answer(name, kind, found.code, found.seconds, judged(found, (0,)) or litter(folder, kind))


# ---- files -----------------------------------------------------------------------------------------------------------


def bomb(path: Path, size: int) -> None:
    """Write a packed file that unpacks to so many bytes, far more than its own."""
    if path.name.endswith(".gz"):
        with gzip.open(path, "wb", compresslevel=1) as file:
            _fill(file, size)
        return
    member = "xl/worksheets/sheet1.xml" if path.suffix == ".xlsx" else "tape.csv"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        if path.suffix == ".xlsx":
            for name, text in _WORKBOOK.items():
                archive.writestr(name, text)
        with archive.open(member, "w", force_zip64=True) as file:
            _fill(file, size)


def _fill(file, size):
    for _ in range(size >> 20):
        file.write(b"0" * (1 << 20))


_SCHEMA = "http://schemas.openxmlformats.org"
_WORKBOOK = {
    "[Content_Types].xml": f'<Types xmlns="{_SCHEMA}/package/2006/content-types"><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
    'ContentType="application/xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_SCHEMA}/package/2006/relationships"><Relationship Id="r1" '
    f'Type="{_SCHEMA}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_SCHEMA}/spreadsheetml/2006/main" xmlns:r="{_SCHEMA}/officeDocument/2006/'
    'relationships"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_SCHEMA}/package/2006/relationships"><Relationship Id="r1" '
    f'Type="{_SCHEMA}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def bombs(name: str, folder: Path) -> Iterator[Answer]:
    """A gzip, a zip and a workbook that unpack to more than they may, before every reader."""
    for file in ("bomb.csv.gz", "bomb.zip", "bomb.xlsx"):
        bomb(folder / file, UNPACKED_FREELY + (64 << 20))
        for kind, words in READERS.items():
            found = ended(folder, words.format(file))
            yield Answer(f"{name}: {file}", kind, found.code, found.seconds, judged(found, (2,), file))


def columns(name: str, folder: Path, count: int = COLUMNS) -> Iterator[Answer]:
    """A million columns of text, a tenth of them in Parquet, as many as a sheet has."""
    wide(folder / "wide.csv", count)
    wide(folder / "wide.parquet", count // 10)
    for file in ("wide.csv", "wide.parquet"):
        for kind, words in READERS.items():
            found = ended(folder, words.format(file))
            yield Answer(f"{name}: {file}", kind, found.code, found.seconds, judged(found, (0, 2)))


def wide(path: Path, count: int) -> None:
    """Write records of so many columns and three rows."""
    rows = [["id", "month", *(f"c{k}" for k in range(count))]]
    rows += [[f"a{k}", f"2024-0{k}", *("1" for _ in range(count))] for k in (1, 2, 3)]
    path.write_bytes(packed(rows, path.suffix))


def cut_off(name: str, folder: Path) -> Iterator[Answer]:
    """A Parquet file that ends anywhere."""
    rows = [line.split(",") for line in strange.RIGHT["panel.csv"].split()]
    whole = packed(rows, ".parquet")
    for share in (0.0, 0.01, 0.3, 0.7, 0.99):
        (folder / "cut.parquet").write_bytes(whole[: int(share * len(whole))])
        for kind, words in READERS.items():
            found = ended(folder, words.format("cut.parquet"))
            yield Answer(name, f"{kind}, {share:.0%}", found.code, found.seconds, judged(found, (2,), "cut.parquet"))


def out_of_core(name: str, folder: Path) -> Iterator[Answer]:
    """A tape of a million rows and little memory: it fits, or one message says that it does not."""
    with open(folder / "long.csv", "w", encoding="utf-8") as file:
        file.write("id,month,limit,balance,late\n")
        for account in range(100_000):
            file.writelines(f"a{account},2024-{month:02},9000,{account % 5000},0\n" for month in range(1, 11))
    for kind in ("map", "calibrate"):
        for limit in (300, 500, 1000):
            found = ended(folder, f"{READERS[kind].format('long.csv')}", limit=limit << 20)
            yield Answer(f"{name}: {limit} MiB", kind, found.code, found.seconds, judged(found, (0, 2), seconds=LONG))
            shutil.rmtree(folder / "out", ignore_errors=True)


FAULTS: dict[str, Callable[[str, Path], Iterator[Answer]]] = {
    "full disk": full_disk,
    "read-only disk": read_only,
    "removed": removed,
    "killed": killed,
    "worker killed": worker_killed,
    "two at once": two_at_once,
    "surroundings": surroundings,
    "locales": locales,
    "clock": clock,
    "bombs": bombs,
    "columns": columns,
    "cut off": cut_off,
    "out of core": out_of_core,
}
