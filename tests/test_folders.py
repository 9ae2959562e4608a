"""A folder of results is whole or not there, and nobody's file is lost: strangers, races, kills, full disks."""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from conftest import ROOT
from simulator.model.errors import UserError
from simulator.system import folders
from simulator.system.folders import Place

# A process of its own that writes a run over another and is killed at its so many-th step.
KILLED = """
import os, signal, sys
from pathlib import Path
from simulator.system import folders

def counted(step):
    def call(*given, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*given, **options)
    return call

left = int(sys.argv[1])
for name in ("rename", "mkdir", "unlink", "rmdir"):
    setattr(os, name, counted(getattr(os, name)))
Path.write_text = counted(Path.write_text)
files = lambda folder, manifest: [(folder / n).write_text("new") for n in ("summary.json", "report.html")]
folders.Place(Path("run"), overwrite=True).write(files, {})
"""


def files(text="numbers"):
    """Return a function that writes two files of a run."""

    def write(folder, manifest):
        (folder / "summary.json").write_text(text)
        (folder / "report.html").write_text(f"{text} in colour")

    return write


@pytest.fixture
def run(tmp_path):
    """Return the folder of a run."""
    Place(tmp_path / "run").write(files(), {"seed": 1})
    return tmp_path / "run"


def names(folder):
    """Return the names in a folder, sorted."""
    return sorted(os.listdir(folder))


def refusal(*given, **options):
    """Return what is said of a folder that is refused."""
    with pytest.raises(UserError) as refused:
        Place(*given, **options)
    return str(refused.value)


# ---- what is ours ----------------------------------------------------------------------------------
def test_a_run_is_replaced_only_on_request(run):
    """Without `overwrite` a run is refused and stays; with it, it is replaced; nothing is left beside it."""
    assert "holds a complete run; --overwrite replaces it" in refusal(run)
    Place(run, overwrite=True).write(files("other"), {"seed": 2})

    assert (run / "summary.json").read_text() == "other" and names(run.parent) == ["run"]


@pytest.mark.parametrize("stranger", ["notes.txt", "summary.json.bak", ".hidden", "folder"])
def test_what_no_run_has_written_is_named(stranger, run):
    """A file or folder among those of a run is named, with `overwrite` or without, and nothing is touched."""
    (run / stranger).mkdir() if stranger == "folder" else (run / stranger).write_text("mine")
    before = names(run)

    for overwrite in (False, True):
        assert f"holds {stranger}, which no run has written; choose another --out" in refusal(run, overwrite)
    assert names(run) == before


def test_a_file_that_was_edited_is_nobodys_to_replace(run):
    """What a user has changed in a file of a run is the user's."""
    (run / "summary.json").write_text("numbers, and what I think of them")

    assert "holds summary.json (changed since), which no run has written" in refusal(run, overwrite=True)


def test_a_link_in_a_run_is_a_stranger(run):
    """A link is no file of ours, even where one of ours has been."""
    (run / "report.html").rename(run.parent / "kept.html")
    (run / "report.html").symlink_to(run.parent / "kept.html")

    assert "holds report.html, which no run has written" in refusal(run, overwrite=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"name": "my web page", "versions": {}}',
        '{"versions": {"python": "3"}}',
        '{"versions": 3}',
        "[" * 100_000,
        "\xff",
    ],
)
def test_another_program_s_manifest_is_not_ours(text, tmp_path):
    """A manifest.json that is not of this product, or cannot be read, makes its folder a stranger's."""
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "manifest.json").write_text(text, encoding="latin-1")

    assert "holds manifest.json, which no run has written" in refusal(tmp_path / "page", overwrite=True)


def test_a_manifest_that_is_no_file_is_not_opened(tmp_path):
    """A pipe called manifest.json does not keep anybody waiting."""
    (tmp_path / "page").mkdir()
    os.mkfifo(tmp_path / "page" / "manifest.json")

    assert "holds manifest.json" in refusal(tmp_path / "page", overwrite=True)


def test_runs_of_before_had_no_list(run):
    """Where the manifest names no files, those that runs write are ours, and no other."""
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["files"]
    (run / "manifest.json").write_text(json.dumps(manifest))
    Place(run, overwrite=True)
    (run / "thesis.tex").write_text("years of work")

    assert "holds thesis.tex, which" in refusal(run, overwrite=True)


# ---- places ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("there", [True, False], ids=["there", "dangling"])
def test_a_link_is_followed(there, tmp_path):
    """Results go where a link leads, and the link stays."""
    if there:
        (tmp_path / "disk" / "mine").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "mine")
    Place(tmp_path / "link").write(files(), {})
    Place(tmp_path / "link", overwrite=True).write(files("other"), {})

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk" / "mine" / "summary.json").read_text() == "other"
    assert names(tmp_path / "disk") == ["mine"]


def test_places_that_take_nothing_are_refused_at_once(tmp_path, monkeypatch):
    """A circle of links, a file, a place inside a file, a name too long, the folder one is in; nothing is made."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = names(tmp_path)

    assert "is a circle of links" in refusal(tmp_path / "a")
    assert "is no folder" in refusal(tmp_path / "file", overwrite=True)
    assert "cannot be made in" in refusal(tmp_path / "file" / "deeper" / "still")
    assert "has too long a name" in refusal(tmp_path / ("x" * 250))
    assert "File name too long" in refusal(tmp_path / ("x" * 300) / "run")
    assert "File name too long" in refusal(tmp_path / "/".join(["x" * 200] * 30))
    assert "is the folder you are in" in refusal(Path("."))
    assert "is the folder you are in" in refusal(Path(".."), overwrite=True)
    assert "is a mount point" in refusal(Path("/proc"), overwrite=True) or not os.path.ismount("/proc")
    assert "cannot be used" in refusal(Path("a\0b"))
    assert names(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path):
    """No permission is said before the work."""
    tmp_path.chmod(0o500)
    try:
        assert "cannot be made in" in refusal(tmp_path / "run")
    finally:
        tmp_path.chmod(0o700)


# ---- who comes first has the place -----------------------------------------------------------------
@pytest.mark.parametrize("stood", [False, True], ids=["new", "overwrite"])
def test_of_two_runs_the_second_is_told_and_keeps_its_results(stood, tmp_path):
    """Both were let begin; the second finds the place taken at the rename, and its results are beside it."""
    if stood:
        Place(tmp_path / "run").write(files("old"), {})
    one, other = (Place(tmp_path / "run", overwrite=stood) for _ in range(2))
    one.write(files("first"), {})

    with pytest.raises(UserError, match=f"another run has been written there meanwhile; .* {tmp_path / 'run-2'} ins"):
        other.write(files("second"), {"replay": lambda place: f"again {place}"})
    assert [(tmp_path / name / "summary.json").read_text() for name in ("run", "run-2")] == ["first", "second"]
    assert names(tmp_path) == ["run", "run-2"]
    assert json.loads((tmp_path / "run-2" / "manifest.json").read_text())["replay"] == f"again {tmp_path / 'run-2'}"
    assert other.written == tmp_path / "run-2"


def test_overwrite_does_not_reach_a_run_that_was_not_there(tmp_path):
    """With `overwrite` too, a run that came to stand meanwhile stays."""
    late = Place(tmp_path / "run", overwrite=True)
    Place(tmp_path / "run").write(files("first"), {})

    with pytest.raises(UserError, match="another run has been"):
        late.write(files("second"), {})
    assert (tmp_path / "run" / "summary.json").read_text() == "first"


def test_a_file_that_came_meanwhile_stays(run, tmp_path):
    """What was put into a folder while its successor was computed is not lost: before a run, or where none stood."""
    replacing, filling = Place(run, overwrite=True), Place(tmp_path / "empty")
    (run / "notes.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("mine")

    with pytest.raises(UserError, match=r"holds notes.txt, which no run has written; the results are in .*run-2"):
        replacing.write(files("second"), {})
    with pytest.raises(UserError, match=r"filled by something else meanwhile; the results are in .*empty-2"):
        filling.write(files("second"), {})
    assert (run / "notes.txt").read_text() == (tmp_path / "empty" / "notes.txt").read_text() == "mine"


def test_a_place_that_became_free_is_free(run):
    """Who has removed the run that was to be replaced is not asked again."""
    place = Place(run, overwrite=True)
    run.rename(run.with_name("kept"))
    place.write(files("other"), {})

    assert names(run.parent) == ["kept", "run"]


# ---- killed ----------------------------------------------------------------------------------------
def left_over(folder, name, *written):
    """Make what a killed run leaves beside `folder`."""
    path = folder.with_name(f".{folder.name}.{name}")
    path.mkdir()
    for file in written:
        (path / file).write_text("half")
    return path


def test_what_a_killed_run_left_is_named_and_removed(run):
    """Partial folders of this place go, those of other places stay."""
    left = [left_over(run, "1.partial"), left_over(run, "23.partial", "summary.json", "monthly.parquet")]
    other = left_over(run.with_name("run.5"), "1.partial", "summary.json")
    said = []
    Place(run, overwrite=True, say=said.append)

    assert said == [f"{path}: left by a run that was killed; removed" for path in left]
    assert names(run.parent) == [other.name, "run"]


def test_what_is_not_ours_stays_in_a_left_over_folder(run):
    """A file of another name in it, or a folder, is named; nothing of it is removed."""
    left = left_over(run, "1.partial", "summary.json", "thesis.tex")
    said = []
    Place(run, overwrite=True, say=said.append)

    assert said == [
        f"{left}: left by a run that was killed; it stays, for it holds thesis.tex, which no run has written"
    ]
    assert names(left) == ["summary.json", "thesis.tex"]


def test_the_folder_of_a_run_at_work_is_left_alone(run):
    """While its process lives a partial folder is locked."""
    left, said = left_over(run, "1.partial", "summary.json"), []
    with folders.held(left) as mine:
        assert mine
        Place(run, overwrite=True, say=said.append)
    assert said == [] and names(left) == ["summary.json"]


def test_the_only_copy_of_a_run_is_put_back(run):
    """Killed between the two renames: the run that stood there stands there again."""
    run.rename(run.with_name(".run.7.old"))
    left_over(run, "7.partial", "summary.json")
    said = []
    Place(run, overwrite=True, say=said.append)

    assert said[0].endswith("put back; the run that was to replace it was killed") and len(said) == 2
    assert (run / "summary.json").read_text() == "numbers" and names(run.parent) == ["run"]


def test_an_old_run_is_not_removed_for_a_strangers_folder(run):
    """Where something else has come to stand, the old run stays beside it."""
    run.rename(run.with_name(".run.7.old"))
    run.mkdir()
    (run / "notes.txt").write_text("mine")

    assert "holds notes.txt" in refusal(run, overwrite=True)
    assert names(run.parent) == [".run.7.old", "run"]


def test_killed_at_any_step_no_folder_looks_whole_and_is_not(tmp_path):
    """kill -9 at every step of replacing a run: the old or the new run stands, and the next leaves no litter."""
    ended, seen = False, set()
    Place(tmp_path / "run").write(files("old"), {})
    for step in range(1, 99):
        if ended:
            break
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(step)], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        ended = done.returncode == 0
        assert ended or done.returncode == -signal.SIGKILL
        for folder in tmp_path.iterdir():
            if (folder / "manifest.json").exists():
                manifest = json.loads((folder / "manifest.json").read_text())
                assert all(folders._digest(folder / name) == one for name, one in manifest["files"].items())
        Place(tmp_path / "run", overwrite=True)
        assert names(tmp_path) == ["run"]
        assert names(tmp_path / "run") == ["manifest.json", "report.html", "summary.json"]
        seen.add((tmp_path / "run" / "summary.json").read_text())
    assert ended and step > 9 and seen == {"old", "new"}


# ---- what cannot be written ------------------------------------------------------------------------
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.ENAMETOOLONG, errno.EROFS])
def test_results_that_cannot_be_written_are_put_elsewhere(code, run, tmp_path_factory, monkeypatch):
    """The reason is said, and where they are: a folder that only its owner may read. The old run stays."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(elsewhere))

    def fail(folder, manifest):
        files("new")(folder, manifest)
        if folder.is_relative_to(run.parent):
            raise OSError(code, os.strerror(code))

    with pytest.raises(UserError) as said:
        Place(run, overwrite=True).write(fail, {})

    (private,) = elsewhere.iterdir()
    found = f"{run}: cannot be written: {os.strerror(code)}; the results are in {private / 'run'} instead"
    assert str(said.value) == found
    assert private.stat().st_mode & 0o777 == 0o700
    assert names(private / "run") == ["manifest.json", "report.html", "summary.json"]
    assert (run / "summary.json").read_text() == "numbers" and names(run.parent) == ["run"]


def test_where_nothing_can_be_written_all_is_as_before(run, tmp_path_factory, monkeypatch):
    """With every disk full the old run stays, and no folder is left anywhere."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(elsewhere))
    monkeypatch.setattr(folders, "IN_MEMORY", str(elsewhere))

    def full(folder, manifest):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match="no other place takes them either: nothing was written"):
        Place(run, overwrite=True).write(full, {})
    assert names(run.parent) == ["run"] and names(elsewhere) == []


def test_a_place_that_vanished_is_made_again(tmp_path, monkeypatch):
    """Who removes the folders above, or the one the command was given in, while it computes, loses nothing."""
    (tmp_path / "here" / "out").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    place = Place(Path("out/run"))
    (tmp_path / "here" / "out").rmdir()
    (tmp_path / "here").rmdir()
    place.write(files(), {})

    assert names(tmp_path / "here" / "out" / "run") == ["manifest.json", "report.html", "summary.json"]


def test_a_fault_of_ours_keeps_what_was_written(run):
    """What has been written before a fault is kept beside the place, and its manifest says what is missing."""

    def fail(folder, manifest):
        (folder / "summary.json").write_text("new")
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError) as raised:
        Place(run, overwrite=True).write(fail, {})

    assert raised.value.__notes__ == [f"The results, as far as they could be written, are in {run}-2."]
    kept = json.loads((run.with_name("run-2") / "manifest.json").read_text())
    assert kept["incomplete"] == "ZeroDivisionError: a bug" and list(kept["files"]) == ["summary.json"]
    assert (run / "summary.json").read_text() == "numbers" and names(run.parent) == ["run", "run-2"]


def test_an_interrupt_leaves_nothing(tmp_path):
    """Ctrl-C while files are written removes them, and the folders that were made for them."""

    def stop(folder, manifest):
        files()(folder, manifest)
        raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        Place(tmp_path / "deep" / "er" / "run").write(stop, {})
    assert names(tmp_path) == []


def test_an_interrupt_while_the_old_run_is_removed_leaves_no_litter(run, monkeypatch):
    """Once the new run stands, Ctrl-C removes the rest of the old one, and the place knows that it is written."""
    unlink, calls = Path.unlink, []

    def interrupted(path):
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        unlink(path)

    monkeypatch.setattr(Path, "unlink", interrupted)
    place = Place(run, overwrite=True)
    with pytest.raises(KeyboardInterrupt):
        place.write(files("new"), {})

    assert place.written == run and names(run.parent) == ["run"]
    assert (run / "summary.json").read_text() == "new" and folders.spoiled(run) == []


def test_a_spoiled_file_of_a_run_is_found(run):
    """A file changed, cut or gone is not as the manifest says; a folder without a manifest is no run."""
    assert folders.spoiled(run) == []
    (run / "summary.json").write_text("number")
    (run / "report.html").unlink()
    assert folders.spoiled(run) == ["report.html", "summary.json"]
    (run / "manifest.json").unlink()
    assert folders.spoiled(run) == ["manifest.json"]
