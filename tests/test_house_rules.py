"""The house rules, executable: imports go down, one package compiles, one source of random numbers, docstrings."""

import ast
import builtins
import dis
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path
from types import CodeType

import pytest

import simulator
from conftest import ROOT
from simulator.scenario.schema import Segment
from simulator.system.folders import FILES

# Lowest first, a room each. A module may import modules of lower rooms and of its own; the longest name that fits
# decides its room. Data flows the same way: what is asked, what it means in integers, what happened, what is said.
LAYERS = (
    "simulator.language",  # in whose words
    "simulator.model",  # what every room may know
    "simulator.system",  # the machine and its files
    "simulator.finance",  # closed forms
    "simulator.policy",  # what the lender does: settings and the levers they write
    "simulator.scenario",  # what is asked
    "simulator.reading",  # files of records as columns
    "simulator.tape",  # the lender's own accounts
    "simulator.lowering",  # settings -> tables
    "simulator.jit",  # how it is compiled, and kept
    "simulator.kernel",  # how a month passes
    "simulator.engine",  # all months of all replications
    "simulator.analysis",  # what happened, and what it means
    "simulator.shards",  # pieces of a run, and their files
    "simulator.run",  # from a scenario to a comparison
    "simulator.report",  # what is said of it
    "simulator.study",  # a question and its answer: what Python's door and the commands call
    "simulator.diaries",  # one borrower in words
    "simulator.decision",  # what an answer hangs on
    "simulator.workers",  # shards in other processes, and once more
    "simulator.explore",  # a page on which one asks by moving sliders
    "simulator.estimation",  # from records to a scenario
    "simulator.cli",
    "simulator.__main__",
)
DOORS = {"simulator.kernel": "simulator.engine"}  # a room that only one other enters
# The folders of the room of estimation, lowest first; what lies in none of them is shared by all.
ESTIMATORS = (
    "simulator.estimation",
    "simulator.estimation.panels",  # accounts by month, as they are read
    "simulator.estimation.structural",
    "simulator.estimation.roll_rates",
    "simulator.estimation.backtest",
    "simulator.estimation.outcomes",
    "simulator.estimation.macro",
    "simulator.estimation.trials",
    "simulator.estimation.workflows",  # the table of estimators
)


def module_name(path):
    """Return the dotted name of a source file under the repository's root."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for path in sorted((ROOT / "simulator").rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}


def imported(name, types=True):
    """Return the dotted names that module `name` imports anywhere, lazily too, without repetition, sorted.

    Without `types` those that it imports for a type checker alone are left out.
    """
    package = name if SOURCES[name].name == "__init__.py" else name.rpartition(".")[0]
    found, nodes = set(), list(ast.walk(TREES[name]))
    for_types = [node for node in nodes if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    left_out = set() if types else {id(part) for node in for_types for part in ast.walk(node)}
    for node in (node for node in nodes if id(node) not in left_out):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(part for part in (base, node.module) if part)
            modules = {f"{base}.{alias.name}" for alias in node.names} & set(SOURCES)
            found |= modules or {base}
    return sorted(found)


def layer(name, order=LAYERS):
    """Return the number in `order` of the room that module `name` is in."""
    fits = [(len(room), i) for i, room in enumerate(order) if is_under(name, room)]
    assert fits, f"{name}: give it a place in the house rules"
    return max(fits)[1]


def is_under(name, entry):
    """Return whether dotted `name` is `entry` or inside it."""
    return name == entry or name.startswith(f"{entry}.")


def breaches(name):
    """Return what is wrong with the imports of module `name` of the simulator, one line each."""
    height, problems = layer(name), []
    for other in imported(name):
        if other == "simulator" or not is_under(other, "simulator"):
            continue
        below = layer(other)
        if below > height:
            problems.append(f"{name} imports {other}, which is not below it")
        visitor = DOORS.get(LAYERS[below])
        if visitor and below != height and not is_under(name, visitor):
            problems.append(f"{name} imports {other}, which only {visitor} may")
    return problems


def test_imports_go_down():
    """A module imports only what lies below it or beside it in its own package."""
    assert [breach for name in sorted(set(SOURCES) - {"simulator"}) for breach in breaches(name)] == []


def test_an_import_upwards_is_caught(monkeypatch):
    """Negative control: a kernel that read the ledger would fail the rule."""
    monkeypatch.setitem(TREES, "simulator.kernel.fixed", ast.parse("from simulator.analysis import ledger"))

    assert breaches("simulator.kernel.fixed") == [
        "simulator.kernel.fixed imports simulator.analysis.ledger, which is not below it"
    ]


def circle():
    """Return the modules of a circle of imports, lazy ones too, from one back to it; empty if there is none."""
    needs = {name: {*imported(name, types=False)} & {*SOURCES} - {name} for name in SOURCES}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_imports_in_a_circle():
    """A module can be read without those that need it: no circle anywhere in the house."""
    assert circle() == []


def test_a_circle_is_caught(monkeypatch):
    """Negative control: an estimate that knew its own words, inside a function, would fail the rule."""
    lazy = "def words():\n    from simulator.estimation.roll_rates import phrasing"
    monkeypatch.setitem(TREES, "simulator.estimation.roll_rates.factor", ast.parse(lazy))

    assert {f"simulator.estimation.roll_rates.{name}" for name in ("factor", "phrasing")} <= set(circle())


def test_estimators_know_only_what_they_build_on():
    """A folder of estimates imports no folder above it; what all share imports none at all."""
    inside = [name for name in SOURCES if is_under(name, "simulator.estimation")]
    uses = [(name, other) for name in inside for other in imported(name) if is_under(other, "simulator.estimation")]

    assert len(inside) > 50
    assert [(name, other) for name, other in uses if layer(other, ESTIMATORS) > layer(name, ESTIMATORS)] == []


def test_only_the_kernel_compiles():
    """numba is imported inside simulator/jit only."""
    users = [name for name in SOURCES if any(is_under(other, "numba") for other in imported(name))]

    assert users and [name for name in users if not is_under(name, "simulator.jit")] == []


def test_random_numbers_have_one_source():
    """No module uses a random generator: every random word comes from an address."""
    generators = ("np.random", "numpy.random")
    users = [name for name in SOURCES if {"random", "secrets", "numpy.random"} & set(imported(name))]
    users += [
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "random" and ast.unparse(node) in generators
    ]

    assert users == []


def test_arithmetic_is_as_written():
    """No `fastmath`, which would let the compiler change results, and no `boundscheck` left on."""
    keywords = [(name, node.arg) for name in SOURCES for node in ast.walk(TREES[name]) if isinstance(node, ast.keyword)]

    assert keywords and [found for found in keywords if found[1] in ("fastmath", "boundscheck")] == []


def kinds_named(name):
    """Return the kinds of policies that a module imports, or names where a text decides something.

    That is in a comparison, a key, or a list: not in prose, and not as a setting of a scenario that has the same name.
    """
    kinds = {path.stem for path in (ROOT / "simulator" / "policy" / "kinds").glob("*.py")} - {"__init__"}
    kinds -= set(Segment.model_fields)  # autopay
    deciding = (ast.Compare, ast.Dict, ast.Set, ast.List, ast.Tuple, ast.Subscript)
    nodes = [node for node in ast.walk(TREES[name]) if isinstance(node, deciding)]
    parts = [
        part for node in nodes for part in (node.keys if isinstance(node, ast.Dict) else ast.iter_child_nodes(node))
    ]
    named = {part.value for part in parts if isinstance(part, ast.Constant)} & kinds
    texts = [str(node.value) for node in ast.walk(TREES[name]) if isinstance(node, ast.Constant)]
    named |= {kind for kind in kinds if any(f'kind = "{kind}"' in text for text in texts)}
    return named | {other.rpartition(".")[2] for other in imported(name) if ".policy.kinds." in other}


ASKING = [name for name in SOURCES if not is_under(name, "simulator.policy.kinds")]


def test_no_module_knows_a_policy_by_its_kind():
    """A policy is one file wholly: what others must know of it they ask it."""
    assert {name: named for name in ASKING if (named := kinds_named(name))} == {}


def test_a_kind_named_elsewhere_is_caught(monkeypatch):
    """Negative control: a check that asks for a kind by its name, or imports it, would fail the rule."""
    source = 'from simulator.policy.kinds import pricing\nif policy.kind == "closure":\n    TABLE = {"bureau": 1}'
    monkeypatch.setitem(TREES, "simulator.scenario.reader", ast.parse(source))

    assert kinds_named("simulator.scenario.reader") == {"pricing", "closure", "bureau"}


MOST_ARGUMENTS = 12


def arguments(name):
    """Return how many arguments each function of a module has; the options of a command do not count."""
    functions = [node for node in ast.walk(TREES[name]) if isinstance(node, ast.FunctionDef)]
    return {
        node.name: len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs])
        for node in functions
        if not any(".command(" in ast.unparse(decorator) for decorator in node.decorator_list)
    }


def many_arguments(name):
    """Return the functions of a module with more than MOST_ARGUMENTS."""
    return [function for function, count in arguments(name).items() if count > MOST_ARGUMENTS]


def test_arguments_are_few():
    """No function has more than twelve arguments: what belongs together goes as a named tuple."""
    assert {name: many for name in SOURCES if (many := many_arguments(name))} == {}


def test_many_arguments_are_caught(monkeypatch):
    """Negative control: a function with thirteen arguments would fail the rule."""
    arguments = ", ".join(f"a{k}" for k in range(MOST_ARGUMENTS))
    source = f"def enough({arguments}): pass\ndef too_many({arguments}, *, one_more): pass"
    monkeypatch.setitem(TREES, "simulator.kernel.rules", ast.parse(source))

    assert many_arguments("simulator.kernel.rules") == ["too_many"]


def global_names(code):
    """Return the names that compiled source looks up in its module or among the built-in ones."""
    here = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return here.union(*(global_names(part) for part in code.co_consts if isinstance(part, CodeType)))


STARRED = [name for name, tree in TREES.items() if "import *" in ast.unparse(tree)]


@pytest.mark.parametrize("name", STARRED)
def test_every_name_is_there(name):
    """Where all names of a module are imported, nobody but numba would say that one is lacking, a minute later."""
    module = import_module(name)
    names = global_names(compile(SOURCES[name].read_text(encoding="utf-8"), name, "exec"))

    assert {found for found in names if not hasattr(module, found) and not hasattr(builtins, found)} == set()


def silent(tree):
    """Return the public classes and functions of a module that have no docstring, and "the module" if it has none."""
    parts = [
        node
        for top in [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_"))]
        for node in top.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    unexplained = [node.name for node in parts if not ast.get_docstring(node)]
    return unexplained if ast.get_docstring(tree) else ["the module", *unexplained]


def test_everything_public_is_explained():
    """Each module, and each public class and function in it, has a docstring."""
    assert {name: found for name, tree in TREES.items() if (found := silent(tree))} == {}


def test_every_file_that_is_written_is_known():
    """Each name that is written into a folder of results is in FILES: a killed run's folder is known by them."""
    paths = [node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.BinOp)]
    names = [node.right for node in paths if ast.unparse(node.left) in ("folder", "partial")]
    found = {name.value for name in names if isinstance(name, ast.Constant)}

    assert len(found) > 20 and found <= FILES


def test_files_stay_short():
    """No source file is over 100 KB: a file has one job."""
    folders = [ROOT / name for name in ("simulator", "tests", "benchmarks", "scenarios", "docs")]
    files = [path for folder in folders for kind in ("*.py", "*.toml", "*.md") for path in folder.rglob(kind)]

    assert [str(path) for path in files if path.stat().st_size > 100_000] == []


def test_public_names_are_what_is_exported():
    """Each name of `simulator.__all__` is there and no module hides it, `dir` shows those, any other is an error."""
    assert dir(simulator) == sorted(simulator.__all__)
    # importing a module binds its name in the package: a module `simulator.x` would replace the function `simulator.x`
    modules = {name for name, home in simulator._HOME.items() if home == "simulator"}
    assert {name for name in simulator.__all__ if f"simulator.{name}" in SOURCES} == modules
    for name in simulator.__all__:
        assert getattr(simulator, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        _ = simulator.no_such_name


def test_type_checkers_see_the_same_public_names():
    """What is imported for type checkers alone is each public name, from the module it is taken from at run time."""
    block = next(node for node in TREES["simulator"].body if isinstance(node, ast.If))
    seen = {alias.name: line.module for line in block.body for alias in line.names}

    assert seen == simulator._HOME
    assert (ROOT / "simulator" / "py.typed").exists()


@pytest.mark.parametrize(
    "light", ["simulator", "simulator.model.layout", "simulator.model.tables", "simulator.finance"]
)
def test_light_modules_stay_light(light):
    """What a light command imports brings neither the compiler nor the libraries of tables and figures with it."""
    heavy = "{'numba', 'scipy', 'matplotlib', 'pyarrow', 'pandas'}"
    code = f"import sys, {light}; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert found.stdout.strip() == "[]"


def test_every_folder_named_in_the_makefile_exists():
    """The commands of the Makefile act on folders that are there."""
    assert all(Path(ROOT, name).is_dir() for name in ("simulator", "tests", "benchmarks", "scenarios"))


# ---- counts, printed at the end of every run ---------------------------------------------------------
KERNEL = [name for name in SOURCES if is_under(name, "simulator.kernel")]
OPTIONS_OF_NUMBA = {"_nrt"}  # the one private name in use: without this option every call counts references
OF_NAMED_TUPLES = {"_asdict", "_fields", "_make", "_replace"}
BY_NAME = {"getattr", "hasattr", "setattr", "delattr", "patch", "object", "multiple"}  # what reaches a name by its text


def is_private(name):
    """Return whether a name begins with one underscore."""
    return name.startswith("_") and not name.startswith("__") and name not in OF_NAMED_TUPLES and name != "_"


def private_names(tree):
    """Return the private names of others that a module reads, replaces, imports or passes, in its order."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls", "super()"):
            found.append(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.Call):
            found += [keyword.arg for keyword in node.keywords if keyword.arg]
            if ast.unparse(node.func).rpartition(".")[2] in BY_NAME:
                found += [
                    one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
                ]
    return [name for name in found if is_private(name) and name not in OPTIONS_OF_NUMBA]


def compilers_private_names():
    """Return (module, name) of every private name in modules that import numba or LLVM, keys of options included."""
    uses = [n for n in SOURCES if any(is_under(o, top) for o in imported(n) for top in ("numba", "llvmlite"))]
    options = [
        (name, key.value)
        for name in uses
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and is_private(key.value)
    ]
    options = [(name, key) for name, key in options if key not in OPTIONS_OF_NUMBA]
    return options + [(name, private) for name in uses for private in private_names(TREES[name])]


COUNTS = {
    "loose files in simulator/": (6, lambda: len(list((ROOT / "simulator").glob("*.py")))),
    "arguments of a function": (MOST_ARGUMENTS, lambda: max(max(arguments(n).values(), default=0) for n in SOURCES)),
    "private names of the compiler read or replaced": (0, lambda: len(compilers_private_names())),
    "lines of simulator/kernel": (5_319, lambda: sum(len(SOURCES[n].read_text().splitlines()) for n in KERNEL)),
    "files that name a policy's kind outside its own": (
        0,
        lambda: sum(bool(kinds_named(n)) for n in ASKING),
    ),
    "modules in a circle of imports": (0, lambda: len(circle())),
    "imports upwards": (0, lambda: sum(len(breaches(n)) for n in SOURCES if n != "simulator")),
}


@pytest.mark.parametrize("what", COUNTS)
def test_counts(what, record_property):
    """What makes a house hard to live in stays within bounds; the counts are printed at the end of the run."""
    most, count = COUNTS[what]
    found = count()
    record_property("count", f"{what}: {found:,} (at most {most:,})")

    assert found <= most


def test_a_private_name_is_found():
    """Negative control: an inner method that is read, imported, replaced or given as an option counts."""
    source = (
        "from numba import _a\nfunction._b\nsetattr(function, '_c', 1)\npatch.object(f, '_d')\nnjit(_e=1, _nrt=False)"
    )

    assert sorted(private_names(ast.parse(source))) == ["_a", "_b", "_c", "_d", "_e"]
