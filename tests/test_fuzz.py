"""Wrong input without end, a little of it: `python -m benchmarks fuzz` goes on for as long as one likes."""

import tomllib

import pytest

pytest.importorskip("benchmarks", reason="start pytest as `python -m pytest`")
from answering import answering
from benchmarks import cases, fuzz, mutations, records, workers
from simulator.scenario import lenders

SEED = 13


@pytest.fixture(scope="module")
def maker():
    """Return the maker of the cases of one seed."""
    return cases.Maker(SEED)


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """Return a runner in a folder of its own; how fast answers are is for `python -m benchmarks fuzz` to say."""
    monkeypatch.setattr(fuzz, "SECONDS", 60)
    return fuzz.Runner(tmp_path)


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_mutated_scenarios_are_valid_or_told_in_one_message(first, maker, runner):
    """`check` ends with 0 or with 2 and lines of errors, soon; nothing steers the terminal, nothing is left behind."""
    for number in range(first, first + 20):
        case = maker.case("scenario", number)

        assert runner.fault(case._replace(commands=case.commands[:1]), "scenario") is None, number
    assert set(runner.codes) <= {"scenario check: 0", "scenario check: 2"}


@pytest.mark.parametrize("first", range(0, 20, 10))
def test_mutated_records_are_read_or_told_in_one_message(first, maker, runner):
    """So do the commands that read tapes, panels, loans with outcomes and series, and their mappings."""
    for number in range(first, first + 10):
        assert runner.fault(maker.case("tape", number), "tape") is None, number
    assert {ended[-2:] for ended in runner.codes} <= {" 0", " 2"}


@pytest.mark.parametrize("shape", ["book", "book of loans", "series"])
def test_records_without_a_change_are_right(shape, runner):
    """What the mutated ones start from is read."""
    made = records.SHAPES[shape]()
    files = {"tape.csv": cases.packed(made.rows, ".csv"), "map.toml": mutations.document_of(made.mapping).encode()}
    files |= {"book.toml": made.scenario.encode()} if made.scenario else {}
    words = [word.replace("{}", "tape.csv") for word in made.command]
    command = [*words, *(cases.SMALL if words[0] == "run" else ()), "--out=out"]

    assert runner.fault(cases.Case(files, [command]), shape) is None
    assert runner.codes == {f"{shape} {words[0]}: 0": 1}


def test_a_tree_is_written_as_it_is(maker):
    """What is mutated is written as TOML that reads back, whatever stands in it."""
    for tree in maker.trees:
        assert tomllib.loads(mutations.document_of(tree)) == tree
    strange = {"a b": {'"': [True, 1, 2**70, 0.5, 1e300, "\u202e\n\x1b", {}, []], "": {"é": {"x": 1}}}}
    assert tomllib.loads(mutations.document_of(strange)) == strange


def test_a_fault_is_found_kept_and_shrunk(maker, tmp_path, monkeypatch):
    """Negative control: a reader that fails on every mutant is caught, each with one change and its command."""
    resolve, number = lenders.resolve, next(n for n in range(99) if len(maker.changes("scenario", n)) == 3)

    def fails(tree, file, *more):
        if "mutant" in str(file):
            raise ZeroDivisionError("planted")
        return resolve(tree, file, *more)

    monkeypatch.setattr(lenders, "resolve", fails)
    found = fuzz.one(SEED, "scenario", number, tmp_path / "kept")
    assert {fault.what for _, fault in found.faults} == {"exit code 1: ZeroDivisionError: planted"}
    assert f"{SEED} scenario {number}" in [name for name, _ in found.faults]
    kept = tmp_path / "kept" / f"{SEED}-scenario-{number}"

    assert (kept / "command.txt").read_text().startswith("simulator check scenarios/mutant.toml")
    assert "ZeroDivisionError" in (kept / "said.txt").read_text()
    one = [maker.case("scenario", number, [change]) for change in range(3)]
    assert (kept / "scenarios/mutant.toml").read_bytes() in [case.files[cases.MUTANT] for case in one]


@pytest.mark.parametrize(
    ("answer", "after", "what"),
    [
        (fuzz.Told(1, "", "Traceback\n  File x\nKeyError: 'a'\n", 0.1), set(), "exit code 1: KeyError: 'a'"),
        (fuzz.Told(0, "", "", 11.0), set(), "11.0 seconds"),
        (fuzz.Told(2, "", "error: a\n", 0.1), {"out"}, "left behind: out"),
        (fuzz.Told(2, "", "", 0.1), set(), "the message is not made of lines that begin with error:"),
        (fuzz.Told(2, "", "error: a\nall is lost\n", 0.1), set(), "the message is not made of lines"),
        (fuzz.Told(0, "\x1b[31m", "", 0.1), set(), "a control character reaches the terminal: \\x1b"),
        (fuzz.Told(2, "", "error: a\n", 0.1), set(), ""),
        (fuzz.Told(0, "ok\n", "", 0.1), {"out"}, ""),
    ],
)
def test_what_must_not_be_is_seen(answer, after, what):
    """Tracebacks, other codes, late answers, files left, messages that are none, control characters."""
    found = fuzz.wrong(answer, set(), after)

    assert found.startswith(what) and bool(found) == bool(what)


def test_a_process_that_dies_or_is_mute_is_told_and_another_goes_on(tmp_path):
    """Two of four tasks are lost, each with why; what is logged is not asked again, though the file was cut off."""
    tasks = [("task", number) for number in range(4)]
    with workers.Log(tmp_path / "log", resume=False) as log:
        told = dict(log.kept(workers.answers(answering, 10, tasks, 1, 1)))
    with (tmp_path / "log").open("a") as file:
        file.write('{"kind": "task", "numb')
    again = workers.Log(tmp_path / "log", resume=True)

    assert told[tasks[0]] == {"told": 10} and told[tasks[3]] == {"told": 13}
    assert told[tasks[1]] == {"lost": "the process died: 3"} and told[tasks[2]] == {"lost": "no answer in 1 seconds"}
    assert list(again.before) == tasks and again.others == 0


def test_what_the_program_has_written_is_read_or_told_in_one_message(maker, runner):
    """Pages, books and rows that remember, with something in one of their files made wrong."""
    for number in range(8):
        assert runner.fault(maker.case("kept", number), "kept") is None, number
    assert {ended[-2:] for ended in runner.codes} == {" 0", " 2"}
