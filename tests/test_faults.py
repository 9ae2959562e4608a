"""The machine at fault, what is quick of it: `python -m benchmarks faults` has the rest, in processes of their own."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("benchmarks", reason="start pytest as `python -m pytest`")
from benchmarks import faults, fuzz
from simulator.jit import store
from simulator.report import parquet
from simulator.system import inputs
from simulator.system.folders import spoiled

READERS = list(faults.READERS)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Go to a folder with files that commands read."""
    monkeypatch.chdir(faults.made(tmp_path))
    return tmp_path


def told(words, code, here, said=""):
    """Have a command answered, with a code and in words, and nothing left behind where it is refused."""
    before = fuzz.names_in(here)
    answer = fuzz.told(words.split())
    assert answer.code == code and said in answer.err, (answer.code, answer.err)
    assert not fuzz.wrong(answer._replace(seconds=0), before, fuzz.names_in(here))
    return answer


@pytest.mark.parametrize("reader", READERS)
def test_files_that_unpack_without_end_are_refused(reader, here, monkeypatch):
    """A gzip, a zip and a workbook a few times as large as they may be: one message that names the file."""
    monkeypatch.setattr(inputs, "UNPACKED_FREELY", 1 << 20)
    for name in ("bomb.csv.gz", "bomb.zip", "bomb.xlsx"):
        faults.bomb(here / name, 4 << 20)
        told(faults.READERS[reader].format(name), 2, here, name)


@pytest.mark.parametrize("reader", READERS)
def test_a_table_of_many_columns_is_told_soon(reader, here):
    """Twenty thousand columns in a few seconds at most; a million in the benchmark."""
    faults.wide(here / "wide.csv", 20_000)
    begun = time.process_time()
    answer = fuzz.told(faults.READERS[reader].format("wide.csv").split())

    assert not fuzz.wrong(answer, set(), set()) and time.process_time() - begun < 8


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_parquet_that_is_cut_off_is_told(share, here):
    """Wherever it ends: one message that names the file, whichever command reads it."""
    rows = [line.split(",") for line in (here / "panel.csv").read_text().split()]
    whole = faults.packed(rows, ".parquet")
    (here / "cut.parquet").write_bytes(whole[: int(share * len(whole))])
    for words in faults.READERS.values():
        told(words.format("cut.parquet"), 2, here, "cut.parquet: cannot be read")


def test_what_is_written_is_taken_away(here, monkeypatch):
    """The folder that is being filled vanishes: the results are beside its place, whole, and the message says so."""
    write = parquet.write_rolls

    def gone(path, worlds):
        monkeypatch.setattr(parquet, "write_rolls", write)
        shutil.rmtree(path.parent)
        write(path, worlds)

    monkeypatch.setattr(parquet, "write_rolls", gone)
    answer = fuzz.told(faults.WRITERS["run"].format("out").split())

    assert answer.code == 2 and f"the results are in {here / 'out-2'} instead" in answer.err
    assert not spoiled(here / "out-2") and not (here / "out").exists()


def test_a_clock_that_jumps_changes_nothing(here, monkeypatch):
    """Two years to and fro whenever it is read."""
    words = "run good.toml --borrowers 20 --months 2 --replications 2 --out"
    told(f"{words} before", 0, here)
    now, calls = time.time, iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: now() + (-1) ** next(calls) * 31_536_000)
    told(f"{words} after", 0, here)

    assert (here / "before/summary.json").read_bytes() == (here / "after/summary.json").read_bytes()


def test_a_user_without_a_home_has_a_cache(monkeypatch):
    """In many a container the system knows none: compiled code is kept in the temporary folder, by number."""
    for name in ("HOME", "SIMULATOR_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)

    assert store.base_folder().name == f"simulator-{os.geteuid()}"


@pytest.mark.parametrize("locale", ["C", "zh_CN.GB18030"])
def test_names_in_chinese_are_read_and_told_in_any_locale(locale, here):
    """Files and titles in Chinese, where the terminal speaks ASCII, or a locale that is not installed."""
    (here / "花呗.toml").write_text('extends = "good.toml"\ntitle = "花呗 – é"\n', encoding="utf-8")
    plain = {"LC_ALL": locale, "PYTHONPATH": str(faults.ROOT)}
    command = [sys.executable, "-m", "simulator", "check", "花呗.toml"]
    done = subprocess.run(command, cwd=here, env={**os.environ, **plain}, capture_output=True)

    assert (done.returncode, done.stderr) == (0, b"") and b"valid" in done.stdout


def test_arrow_is_given_files_where_the_locale_is_not_utf8(here, monkeypatch):
    """Arrow takes paths for UTF-8: in a Chinese locale it would find none of a Chinese name. So it is given files."""
    import pyarrow.parquet as pq

    table = faults.packed([["id", "limit", "balance", "late"], ["a", "9000", "5000", "0"]], ".parquet")
    (here / "账.parquet").write_bytes(table)
    opened = []
    for name in ("ParquetFile", "ParquetWriter", "write_table"):
        own = getattr(pq, name)
        monkeypatch.setattr(pq, name, lambda *given, own=own, **named: opened.append(given) or own(*given, **named))
    monkeypatch.setattr(os, "fsencode", lambda path: os.fspath(path).encode("gb18030"))
    told("run book.toml --set portfolio.tape=账.parquet --months 2 --replications 2 --out 结果", 0, here)

    assert len(opened) > 4 and not [given for given in opened for one in given if isinstance(one, str | Path)]
