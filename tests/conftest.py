"""What every test shares: fixed examples for hypothesis, and the way to data that may not be there."""

import re
import signal
import tomllib
from pathlib import Path

import pytest
from hypothesis import settings

from simulator import cli
from simulator.report import drawing, progress

ROOT = Path(__file__).parent.parent

LONGEST = ("test_twin.py", "test_ahead_of_time.py", "test_benchmarks.py")  # half a minute and more of processor time

settings.register_profile("fixed", derandomize=True, deadline=None)  # the same examples in every run, and no clock
settings.load_profile("fixed")

# A shell that runs the tests in the background has them ignore Ctrl-C, nohup a closed terminal: the commands that are
# started here would inherit it.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)


def pytest_collection_modifyitems(items):
    """Have the longest files begin first, so that no worker has one of them alone at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def documented(title):
    """Return the text of the scenario of that title in docs/scenarios.md."""
    guide = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    return next(block for block in blocks if tomllib.loads(block).get("title") == title)


@pytest.fixture(autouse=True)
def without_progress(monkeypatch):
    """Let no line on how far work is depend on how fast this machine is just now."""
    monkeypatch.setattr(progress, "FIRST", 3_600.0)


@pytest.fixture(autouse=True, scope="session")
def drawn_here():
    """Have pictures drawn in this process: to start another for each small page takes longer than to draw it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "available_threads", lambda: 1)
        yield


@pytest.fixture
def simulator(capsys):
    """Return a function that runs a command line in this process and returns (exit code, output, error output)."""

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return left.value.code or 0, said.out, said.err

    return run


@pytest.fixture
def shared_file():
    """Return a function from a file's name to its path in ../shared/data, which skips the test where it is absent."""

    def find(name):
        path = ROOT.parent / "shared" / "data" / name
        if not path.exists():
            pytest.skip(f"{name} is not beside this checkout")
        return path

    return find


def pytest_terminal_summary(terminalreporter):
    """Print what tests have counted (`record_property("count", text)`)."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, ())]
    counts = [text for report in reports for name, text in report.user_properties if name == "count"]
    if counts and getattr(reports[0], "when", "") == "call":
        terminalreporter.section("counts")
        for text in dict.fromkeys(counts):
            terminalreporter.line(text)
