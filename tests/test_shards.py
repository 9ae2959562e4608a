"""A run in shards: the same bytes however it is cut, whoever lives them, whatever is killed; nothing of another run."""

import os
import shutil
import signal
import subprocess
import sys
from time import sleep

import pytest

import simulator as sim
from conftest import ROOT
from simulator.cli import main
from simulator.decision.under_doubt import compare
from simulator.model.errors import UserError
from simulator.shards import sealed
from simulator.shards.folder import Shards
from simulator.shards.shard import plan
from simulator.workers.verify import verify

SMALL = 100_000  # borrower-months of a shard, so that small runs have many


def scenario(name="huabei", **sizes):
    """Return a shipped scenario, small."""
    return sim.load_scenario(ROOT / "scenarios" / f"{name}.toml", **{"borrowers": 100, "months": 3, **sizes})


def lived(folder, asked, doubt=None, cut=SMALL, threads=1, elsewhere=None, **how):
    """Return the study of a comparison in shards, and the shards."""
    shards = Shards(folder, **{"resume": False, **how}, elsewhere=elsewhere, cuts=[cut] * 2)
    try:
        return compare(asked, threads, doubt=doubt, shards=shards), shards
    finally:
        shards.close()


@pytest.fixture(scope="module")
def doubted():
    """Return a small run under doubt without shards."""
    return compare(scenario(), 1, doubt=2)


@pytest.mark.parametrize("cut", [700_000, 4_000_000])
def test_a_run_under_doubt_is_the_same_however_it_is_cut(tmp_path, doubted, cut):
    """All lenders of some draws in one shard, or a lender's draw in pieces: the same sums, draws, and page."""
    study, shards = lived(tmp_path / "x", scenario(), doubt=2, cut=cut, threads=2)

    assert study.result_digest == doubted.result_digest
    assert study.summary == doubted.summary
    assert (study.comparison.known.z == doubted.comparison.known.z).all()
    assert (shards.done() == (1, 1)) == (cut == 4_000_000)


@pytest.mark.parametrize("name", ["triggers", "both"])
def test_a_run_goes_on_after_anything(tmp_path, name):
    """Where policies read the book, or there are two products: shards that are gone, cut off or spoiled are lived anew.

    What is there is not lived again: its file stays.
    """
    asked = scenario(name, replications=2)
    whole = sim.compare(asked, 1)
    study, shards = lived(tmp_path / "x", asked, threads=2)
    assert study.result_digest == whole.result_digest
    gone, cut_off, spoiled, *others = sorted((tmp_path / "x").glob(f"*{sealed.ENDING}"))
    before = {path: path.stat().st_ino for path in others}
    gone.unlink()
    cut_off.write_bytes(cut_off.read_bytes()[:-1])
    found = bytearray(spoiled.read_bytes())
    found[len(found) // 2] ^= 1
    spoiled.write_bytes(found)

    again, shards = lived(tmp_path / "x", asked, resume=True)

    assert again.result_digest == whole.result_digest
    assert {path: path.stat().st_ino for path in others} == before
    assert len(others) + 3 == shards.done()[1] == len(shards.worlds[0].shards)


def test_shards_cover_every_borrower_of_every_replication_once():
    """Whatever the cut, the parts of a lender's replication are all parts, each once."""

    class World:
        readers, months_total, replications = (), 2, 7
        tiles = __import__("numpy").array([[0, 0, 0, 10], [0, 1, 0, 10]])

    for work in (1, 300, 1_000, 10**9):
        found = [
            (replication, one.part, one.parts)
            for one in plan({("baseline", 0): (World,)}, False, work)
            for replication in range(one.first, one.end)
        ]
        parts = found[0][2]
        assert found == [(k, part, parts) for k in range(7) for part in range(parts)]


def test_shards_of_another_run_are_refused(tmp_path):
    """Another seed, size or version is named and refused; so are shards that nobody asked to go on with."""
    folder = tmp_path / "x"
    asked = scenario("reminders", replications=2)
    whole, _ = lived(folder, asked)

    with pytest.raises(UserError, match=r"finished shards of this run, .*--resume goes on"):
        lived(folder, asked)
    with pytest.raises(UserError, match=r"another run: seed \d+, here 5, scenario"):
        lived(folder, scenario("reminders", replications=2, seed=5), resume=True)
    told = (folder / "run.json").read_text()
    (folder / "run.json").write_text(told.replace("numpy", "numpie"))
    with pytest.raises(UserError, match=r"another run: version .*numpie"):
        lived(folder, asked, resume=True)
    (folder / "run.json").write_text(told)
    tables = (folder / "0.json").read_text()
    (folder / "0.json").write_text(tables.replace('"baseline": [\n   "', '"baseline": [\n   "0'))
    with pytest.raises(UserError, match="other tables"):
        lived(folder, asked, resume=True)
    again, _ = lived(folder, asked, overwrite=True)
    assert again.result_digest == whole.result_digest
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "mine").touch()
    with pytest.raises(UserError, match="holds something else"):
        lived(folder, asked, overwrite=True)


def test_two_runs_do_not_share_a_folder(tmp_path):
    """While a run is at work in a folder of shards another is refused."""
    asked = scenario("reminders", replications=2)
    shards = Shards(tmp_path / "x", resume=False)
    shards.open(asked, None, "compare")
    with pytest.raises(UserError, match="at work in it"):
        lived(tmp_path / "x", asked, resume=True)
    shards.close()


def arguments(tmp_path, *more):
    """Return a command that takes some seconds of many small shards."""
    sizes = ("--borrowers", "1000", "--months", "3", "--replications", "5", "--threads", "1", "--quiet")
    return ["compare", str(ROOT / "scenarios/reminders.toml"), *sizes, "--out", str(tmp_path / "run"), *more]


def at_work(tmp_path, *more):
    """Return the process of a command in small shards, once it has kept one."""
    cut = f"import simulator.shards.folder as f, simulator.cli as c; f.WORK = {SMALL}; c.main()"
    process = subprocess.Popen(
        [sys.executable, "-c", cut, *arguments(tmp_path, *more)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not [*(tmp_path / "run.shards").glob(f"*{sealed.ENDING}")]:
        sleep(0.005)
    assert process.poll() is None
    return process


@pytest.mark.parametrize("ended", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_was_ended_goes_on(tmp_path, ended):
    """Ctrl-C says what to type; after it and after kill -9 that goes on, and leaves the run alone, which verifies."""
    process = at_work(tmp_path, "--resume")
    process.send_signal(ended)
    _, said = process.communicate()
    if ended == signal.SIGINT:
        assert process.returncode == 130
        assert "shards are kept in" in said and "to go on, type: simulator compare" in said and "--resume" in said
    kept = len([*(tmp_path / "run.shards").glob(f"*{sealed.ENDING}")])
    assert kept and not (tmp_path / "run").exists()

    with pytest.raises(SystemExit) as left:
        main(arguments(tmp_path, "--resume"))

    assert not left.value.code
    assert os.listdir(tmp_path) == ["run"]
    found = verify(tmp_path / "run", sample=3, threads=1)
    assert found.is_same and found.lived == 3 and kept < found.kept


def test_verify_finds_a_digest_that_is_another(tmp_path, capsys):
    """A run lived again has its digests, exit 0; one whose files say another has not, in words, exit 1."""
    study, _ = lived(tmp_path / "x", scenario("reminders", replications=2))
    study.save(tmp_path / "run")
    assert not (tmp_path / "x").exists()
    assert verify(tmp_path / "run", threads=1).is_same

    told = study.shards.told()
    told["worlds"][0]["shards"][-1]["digest"] = "0" * 64
    other, _ = lived(tmp_path / "x", scenario("reminders", replications=2))
    other.shards.told = lambda: told
    other.save(tmp_path / "other")
    with pytest.raises(SystemExit) as left:
        main(["verify", str(tmp_path / "other"), "--quiet"])

    assert left.value.code == 1
    assert "Not as they were kept: strong: replications" in capsys.readouterr().out
    sim.simulate(scenario("reminders", replications=2), 1).save(tmp_path / "plain")
    assert verify(tmp_path / "plain", threads=1).is_same
    with pytest.raises(UserError, match="was not lived in shards"):
        verify(tmp_path / "plain", sample=1)
