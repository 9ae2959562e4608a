"""The scenarios that the benchmarks run: shipped ones at a size, and pools whose answer is known in closed form."""

from pathlib import Path
from tempfile import TemporaryDirectory

from simulator.lowering.lower import Lowered, lower
from simulator.scenario.reader import load_scenario
from simulator.scenario.scenario import Scenario

ROOT = Path(__file__).parent.parent
SCENARIOS = ROOT / "scenarios"
PLAIN_LINE = "../benchmarks/plain_line"  # what the peers know of a line, beside the shipped scenarios


def shipped(
    name: str, borrowers: int, replications: int, months: int | None = None, settings: tuple[str, ...] = ()
) -> Lowered:
    """Return the baseline of scenarios/<name>.toml at a size, without applicants and run-off; `settings` as --set.

    The people are the same in every replication, as the peers have them: what is timed is the month.
    """
    closed = ("portfolio.applicants_per_month=0", "redraw_people=false", *settings)
    return lower(load_scenario(SCENARIOS / f"{name}.toml", closed, borrowers, replications, months).baseline)


def lenders(borrowers: int, replications: int) -> dict[str, Lowered]:
    """Return the lenders of policies.toml with no, some and all policies."""
    scenario = load_scenario(Path(__file__).parent / "policies.toml", (), borrowers, replications)
    return {"no": lower(scenario.baseline), **{name: lower(lender) for name, lender in scenario.variants.items()}}


def read(text: str) -> Scenario:
    """Return the scenario of a TOML text."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "scenario.toml"
        path.write_text(text, encoding="utf-8")
        return load_scenario(path)


ROLLS = """
title = "{title}"
months = {months}
run_off_months = 0
replications = {replications}
seed = {seed}

[portfolio]
borrowers = {borrowers}

[segment.all]
share = 1.0
line_holders = 1.0
line_limit = {{ distribution = "constant", value = 1000, unit = "CNY" }}
utilisation = {{ distribution = "constant", value = 0.5 }}

[behaviour]
model = "roll_rates"

[behaviour.roll_rates.line]
states = [{states}]
{rates}
"""


def pool(pd: float, correlation: float, borrowers: int, replications: int, seed: int) -> Lowered:
    """Return a pool that defaults with probability `pd` in its one month, moved by a factor of `correlation`."""
    text = ROLLS.format(
        title="A pool of equal borrowers and one month",
        months=1,
        replications=replications,
        seed=seed,
        borrowers=borrowers,
        states='{ name = "good", bucket = 0 }, { name = "default", bucket = "written_off" }',
        rates=f"matrix = [[{1 - pd!r}, {pd!r}]]",
    )
    factor = f"[economy.factor]\nenabled = true\npersistence = 0.0\ncorrelation = {correlation!r}\n"
    return lower(read(text + factor).baseline)


COUNTS = (  # flow counts from current, 30, 60, 90, 120+ to those and to charge-off
    (900, 100, 0, 0, 0, 0),
    (400, 200, 400, 0, 0, 0),
    (100, 100, 100, 700, 0, 0),
    (50, 0, 50, 100, 800, 0),
    (0, 0, 0, 0, 200, 800),
)


def roll_chain(months: int, replications: int, seed: int) -> Lowered:
    """Return 10,000 current accounts that move by COUNTS; charge-off absorbs."""
    names = ("current", "d30", "d60", "d90")
    states = [f'{{ name = "{name}", bucket = {bucket} }}' for bucket, name in enumerate(names)]
    states += ['{ name = "d120", bucket = 4, at_least = true }', '{ name = "charged_off", bucket = "written_off" }']
    text = ROLLS.format(
        title="A roll matrix with absorption",
        months=months,
        replications=replications,
        seed=seed,
        borrowers=10_000,
        states=", ".join(states),
        rates=f"counts = {[list(map(float, row)) for row in COUNTS]}",
    )
    return lower(read(text).baseline)
