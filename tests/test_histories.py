"""Roll matrices that remember: rows by what an account did before, in the automaton, on a tape and in the kernel."""

import random

import numpy as np
import pytest

from simulator.model.errors import UserError
from simulator.model.layout import LINE, MAX_ROWS, TAPE_STATE
from simulator.scenario.histories import NO_STATE, rows_of
from simulator.scenario.reader import load_scenario
from simulator.scenario.schema import RollMatrix
from simulator.study import simulate
from simulator.tape.tape import read_tape

STATES = [
    {"name": "good", "bucket": 0},
    {"name": "fair", "bucket": 0},
    {"name": "30", "bucket": 1},
    {"name": "60", "bucket": 2, "at_least": True},
    {"name": "lost", "bucket": "written_off"},
]
COUNTS = [[80, 15, 5, 0, 0], [40, 50, 10, 0, 0], [20, 20, 20, 40, 0], [5, 5, 10, 60, 20]]
NAMES = [state["name"] for state in STATES]
OPEN = NAMES[:4]


def roll(memory=(), counts=COUNTS):
    """Return the RollMatrix of STATES with these rows that remember."""
    return RollMatrix.model_validate({"states": STATES, "counts": counts, "memory": list(memory)})


def drawn_memory(rng):
    """Return some random rows that remember."""
    entries = []
    for _ in range(rng.randint(1, 6)):
        entry = {"state": rng.choice(OPEN), "counts": [rng.randint(0, 50) for _ in NAMES[:-1]] + [1]}
        for key, first, last in (("months_in_state", 1, 6), ("months_since_late", 0, 5)):
            if rng.random() < 0.6:
                low = rng.randint(first, last)
                entry[key] = [low] if rng.random() < 0.4 else [low, rng.randint(low, last + 2)]
        if rng.random() < 0.4:
            entry["state_before"] = rng.sample(OPEN, rng.randint(1, 3))
        entries.append(entry)
    return entries


def chance(matrix, state, months, before, since):
    """Return the chances of an account with a history by the first row that fits; `since` None for never late."""
    for entry in matrix.memory:
        within = []
        for months_range, count in ((entry.months_in_state, months), (entry.months_since_late, since)):
            low, high = months_range[0], months_range[1] if len(months_range) == 2 else 10**6
            within.append(low <= (10**6 if count is None else count) <= high)
        came = entry.state_before is None or NAMES[state if months > 1 else before] in entry.state_before
        if entry.state == NAMES[state] and came and all(within):
            return np.array(entry.counts) / sum(entry.counts)
    return np.array(matrix.counts[state]) / sum(matrix.counts[state])


def test_without_memory_rows_are_states():
    """As many rows as states, in their order, and a move to a state is a move to its row."""
    rows = rows_of(roll())

    assert rows.state.tolist() == rows.opened[0].tolist() == [0, 1, 2, 3, 4]
    assert (rows.after[:4] == np.arange(5)).all()
    assert (rows.chance[:4] == np.array(COUNTS) / 100).all() and not rows.chance[4].any()


@pytest.mark.parametrize("seed", range(40))
def test_a_row_moves_as_the_history_that_led_to_it(seed):
    """On random walks the row's chances are those of the first entry that fits counters kept by hand."""
    rng = random.Random(seed)
    matrix = roll(drawn_memory(rng))
    rows = rows_of(matrix)
    state, months, before, since, row = 0, 1, 0, None, 0
    for _ in range(60):
        assert rows.state[row] == state
        assert rows.chance[row] == pytest.approx(chance(matrix, state, months, before, since), abs=1e-15)
        never = 10**6 if since is None else since
        assert rows.of(*(np.array([x]) for x in (state, months, before, never))).tolist() == [row]
        to = rng.randrange(4)
        months, before = (months + 1, state) if to == state else (1, state)
        since = 0 if to >= 2 else None if since is None else since + 1
        state, row = to, int(rows.after[row, to])


@pytest.mark.parametrize("seed", range(5))
def test_no_two_rows_move_alike_for_ever(seed):
    """The rows are as few as can be: from any two of a state some path leads to different chances."""
    rows = rows_of(roll(drawn_memory(random.Random(seed))))
    alike = {(a, b) for a in range(len(rows.state)) for b in range(a) if rows.state[a] == rows.state[b]}
    while True:
        left = {
            (a, b)
            for a, b in alike
            if (rows.chance[a] == rows.chance[b]).all()
            and all(
                x == y or (max(x, y), min(x, y)) in alike for x, y in zip(rows.after[a], rows.after[b], strict=True)
            )
        }
        if left == alike:
            break
        alike = left
    assert not alike


@pytest.mark.parametrize("seed", range(10))
def test_a_kind_moves_as_it_would_alone(seed):
    """From each place of a kind every walk has the chances that a matrix of that kind alone gives, to the end."""
    rng = random.Random(seed)
    matrices = [[[rng.randint(1, 50) for _ in NAMES] for _ in OPEN] for _ in range(3)]
    memories = [drawn_memory(rng) if k else [] for k in range(3)]
    each = zip("abc", matrices, memories, strict=True)
    kinds = [{"name": name, "counts": table, "memory": memory} for name, table, memory in each]
    rows = rows_of(RollMatrix.model_validate({"states": STATES, "counts": COUNTS, "kinds": kinds}))
    for k in range(3):
        alone = rows_of(roll(memories[k], matrices[k]))
        for state in range(4):
            history = tuple(np.array([x]) for x in (state, rng.randint(1, 9), rng.randrange(4), rng.randint(0, 9)))
            (here,), (there,) = rows.of(*history, np.array([k])), alone.of(*history)
            for _ in range(30):
                assert (rows.chance[here] == alone.chance[there]).all() and rows.state[here] == alone.state[there]
                to = rng.randrange(4)
                here, there = rows.after[here, to], alone.after[there, to]
            assert rows.state[rows.after[here, 4]] == 4 and not rows.chance[rows.after[here, 4]].any()


WORLD = """
title = "A book that remembers"
months = 6
replications = 20
portfolio.borrowers = 4000
behaviour.model = "roll_rates"
products.line.minimum_share = 0.1
segment.all.share = 1.0
segment.all.line_holders = 1.0
segment.all.line_limit = 900
segment.all.opening.line = { good = 0.7, fair = 0.2, "30" = 0.1 }
policy.w = { kind = "write_off", at_dpd = "never" }
[behaviour.roll_rates.line]
states = [
    { name = "good", bucket = 0 },
    { name = "fair", bucket = 0 },
    { name = "30", bucket = 1 },
    { name = "60", bucket = 2, at_least = true },
    { name = "lost", bucket = "written_off" },
]
counts = [[80, 15, 5, 0, 0], [40, 50, 10, 0, 0], [20, 20, 20, 40, 0], [5, 5, 10, 60, 20]]
memory = [
    { state = "good", months_in_state = [1, 2], counts = [60, 10, 30, 0, 0] },
    { state = "good", months_since_late = [0, 6], counts = [70, 10, 20, 0, 0] },
    { state = "60", months_in_state = [3], counts = [0, 0, 0, 50, 50] },
    { state = "30", state_before = ["60"], counts = [50, 20, 20, 10, 0] },
]
"""


def test_the_kernel_draws_from_the_row_of_each_account(tmp_path):
    """The share late in each month is that of the chain of rows: the largest of six z below 4 (once in 2,600)."""
    path = tmp_path / "world.toml"
    path.write_text(WORLD, encoding="utf-8")
    scenario = load_scenario(path)
    matrix = scenario.baseline.behaviour.roll_rates.line
    rows = rows_of(matrix)
    here = np.zeros(len(rows.state))
    np.add.at(here, rows.opened[0, :3], [0.7, 0.2, 0.1])
    plain, alone = np.array([0.7, 0.2, 0.1, 0, 0]), np.vstack([np.array(COUNTS) / 100, np.eye(5)[4]])

    ledger = simulate(scenario).comparison.ledgers["baseline"]
    late, accounts = ledger.total("n_dpd30").sum(axis=0), ledger.total("n_accounts").sum(axis=0)

    off = []
    for month in range(1, 7):
        step = np.zeros((len(here), len(here)))
        np.add.at(step, (np.arange(len(here))[:, None], rows.after), rows.chance)
        here = here @ step
        plain = plain @ alone
        is_late, is_open = np.isin(rows.state, (2, 3)), rows.state < 4
        share = here[is_late].sum() / here[is_open].sum()
        seen = late[month] / accounts[month]
        assert abs(seen - share) < 4 * np.sqrt(share * (1 - share) / accounts[month])
        off.append(abs(seen - plain[2:4].sum() / plain[:4].sum()) / np.sqrt(share * (1 - share) / accounts[month]))
    assert max(off) > 20  # negative control: the matrix without memory is far from what is seen


TAPE = "id,balance,limit,state,months,before,since\n"
MAPPING = """
currency = "CNY"
[columns]
account_id = "id"
balance = "balance"
limit = "limit"
status = "state"
months_in_state = "months"
state_before = "before"
months_since_late = "since"
[status]
good = { state = "good" }
fair = { state = "fair" }
"30" = { state = "30" }
"60" = { state = "60" }
"""


def read(tmp_path, rows, mapping=MAPPING):
    """Return the TapeBook of these rows for the settings of WORLD."""
    for name, text in (("world.toml", WORLD), ("tape.csv", TAPE + rows), ("mapping.toml", mapping)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    settings = load_scenario(tmp_path / "world.toml").baseline
    return read_tape(tmp_path / "tape.csv", tmp_path / "mapping.toml", settings), settings


def test_a_tape_puts_accounts_into_the_rows_of_their_histories(tmp_path):
    """Each account is in the row that its counters say, and the report counts states as before."""
    book, settings = read(tmp_path, "a,10,100,good,9,,\nb,10,100,good,1,30,1\nc,10,100,60,4,,0\nd,10,100,30,1,60,0\n")

    rows = rows_of(settings.behaviour.roll_rates.line)
    histories = np.array([[0, 9, NO_STATE, 99], [0, 1, 2, 1], [3, 4, NO_STATE, 0], [2, 1, 3, 0]]).T
    assert book.tape.values[:, LINE, TAPE_STATE].tolist() == rows.of(*histories).tolist()
    assert book.report["by_state"] == {"good": 2, "60": 1, "30": 1}
    assert not book.cautions


def test_a_tape_that_does_not_tell_histories_says_so(tmp_path):
    """Without months in the state accounts count as having been there for long, and that is a caution."""
    mapping = MAPPING.replace('months_in_state = "months"\n', "")

    book, settings = read(tmp_path, "a,10,100,good,9,,\nb,10,100,60,1,30,0\n", mapping)

    rows = rows_of(settings.behaviour.roll_rates.line)
    assert book.tape.values[:, LINE, TAPE_STATE].tolist() == rows.opened[0, [0, 3]].tolist()
    assert any("How long accounts have been" in caution for caution in book.cautions)


def test_wrong_histories_on_a_tape_are_said(tmp_path):
    """A state that is none, and months below what can be, each at its row."""
    with pytest.raises(UserError) as raised:
        read(tmp_path, "a,10,100,good,0,,\nb,10,100,good,1,31,-1\n")

    said = "\n".join(map(str, raised.value.problems))
    assert "allowed: a whole number, 1 or more" in said and "'31'" in said and "0 or more" in said


KINDS = """
kinds = [
    { name = "steady", counts = [[90, 9, 1, 0, 0], [50, 50, 0, 0, 0], [50, 50, 0, 0, 0], [1, 0, 0, 9, 0]] },
    { name = "late", counts = [[50, 9, 41, 0, 0], [50, 50, 0, 0, 0], [5, 5, 90, 0, 0], [1, 0, 0, 9, 0]] },
]
"""


def test_kinds_need_a_tape_that_says_whose_each_account_is(tmp_path):
    """Without a tape they are refused; a tape puts each account into its kind's rows; one it does not know is said."""
    world = (WORLD + KINDS).replace("portfolio.borrowers = 4000", 'portfolio.tape = "tape.csv"')
    world = world.replace("behaviour.model", 'portfolio.mapping = "mapping.toml"\nbehaviour.model', 1)
    mapping = MAPPING.replace("[columns]", '[columns]\nkind = "kind"')
    tape = "id,balance,limit,state,kind,months,before,since\n"
    for name, text in (("world.toml", world), ("mapping.toml", mapping), ("none.toml", WORLD + KINDS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "tape.csv").write_text(tape + "a,1,9,good,late,1,,\nb,1,9,30,steady,1,,\n", encoding="utf-8")
    settings = load_scenario(tmp_path / "world.toml").baseline

    book = read_tape(tmp_path / "tape.csv", tmp_path / "mapping.toml", settings)
    (tmp_path / "tape.csv").write_text(tape + "a,1,9,good,odd,1,,\n", encoding="utf-8")
    with pytest.raises(UserError) as odd:
        read_tape(tmp_path / "tape.csv", tmp_path / "mapping.toml", settings)
    (tmp_path / "mapping.toml").write_text(MAPPING, encoding="utf-8")
    with pytest.raises(UserError) as missing:
        read_tape(tmp_path / "tape.csv", tmp_path / "mapping.toml", settings)
    with pytest.raises(UserError) as drawn:
        load_scenario(tmp_path / "none.toml")

    assert book.tape.values[:, LINE, TAPE_STATE].tolist() == [5, 2]
    assert book.report["by_state"] == {"good": 1, "30": 1}
    assert "found 'odd'" in str(odd.value.problems[0]) and "steady, late" in str(odd.value.problems[0])
    assert "columns.kind" in str(missing.value.problems[0])
    assert "line.kinds" in str(drawn.value.problems[0]) and "with a tape" in str(drawn.value.problems[0])


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ('{ state = "lost", counts = [1, 0, 0, 0, 0] }', ("memory.0.state", "lost")),
        ('{ state = "good", state_before = ["gud"], counts = [1, 0, 0, 0, 0] }', ("memory.0.state_before", "good")),
        ('{ state = "good", months_in_state = [0], counts = [1, 0, 0, 0, 0] }', ("memory.0.months_in_state", "1 on")),
        ('{ state = "good", months_in_state = [5, 3], counts = [1, 0, 0, 0, 0] }', ("memory.0.months_in_state",)),
        ('{ state = "good", counts = [1, 0, 0] }', ("memory.0.counts", "3 columns")),
        ('{ state = "good", counts = [0, 0, 0, 0, 0] }', ("memory.0.counts", "nobody")),
    ],
)
def test_rows_that_cannot_be(entry, words, tmp_path):
    """Each is said at its key."""
    start, end = WORLD.index("memory = ["), WORLD.rindex("]")
    path = tmp_path / "world.toml"
    path.write_text(WORLD[:start] + f"memory = [{entry}]" + WORLD[end + 1 :], encoding="utf-8")

    with pytest.raises(UserError) as raised:
        load_scenario(path)

    assert all(word in str(raised.value.problems[0]) for word in words)


def test_too_many_rows_are_refused(tmp_path):
    """Looking back far in each state needs more rows than there are: said, with their number."""
    entries = [
        f'{{ state = "{name}", months_in_state = [{m}, {m}], months_since_late = [{q}, {q}], '
        f"counts = [1, 1, 1, {m}, {q}] }}"
        for name in ("good", "fair")
        for m in range(1, 18)
        for q in range(m, 18)
    ]
    start, end = WORLD.index("memory = ["), WORLD.rindex("]")
    path = tmp_path / "world.toml"
    path.write_text(WORLD[:start] + f"memory = [{', '.join(entries)}]" + WORLD[end + 1 :], encoding="utf-8")

    with pytest.raises(UserError) as raised:
        load_scenario(path)

    assert f"allowed: {MAX_ROWS}" in str(raised.value.problems[0])
