"""Which assumptions move a comparison most: each at the ends of its range, all others as they stand.

`python -m simulator.decision.one_at_a_time scenarios/huabei.toml` prints them, the largest first; `make assumptions`
writes them to docs/assumptions.md. Every run has the same people and random numbers, so what differs is the assumption.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import NamedTuple

from simulator.analysis.comparison import Comparison
from simulator.analysis.estimates import Difference
from simulator.decision.experiment import Experiment
from simulator.decision.vary import Varied, everything
from simulator.model.errors import Problem, UserError
from simulator.model.observer import SILENT, Observer
from simulator.report import phrasing
from simulator.report.progress import Progress
from simulator.scenario.parameters import in_words
from simulator.scenario.reader import load_scenario
from simulator.system.pages import write_block

HORIZONS = {"npv": "when lending ends", "npv_run_on": "when the customers at hand go on"}
BEGIN, END = "<!-- assumptions: make assumptions -->", "<!-- end -->"


class Outcome(NamedTuple):
    """What a comparison says: each variant's difference in value by both horizons, and who leads by each."""

    differences: dict[tuple[str, str], Difference]  # by variant and measure
    leaders: dict[str, str]  # by measure; the baseline too may lead

    @classmethod
    def of(cls, comparison: Comparison) -> "Outcome":
        """Return the outcome of a comparison."""
        measures, home = phrasing.stated(comparison, HORIZONS), comparison.baseline
        found = {(v, m): comparison.difference(v, m, against=home) for v in comparison.variants for m in measures}
        leaders = {}
        for measure in measures:
            values = {home: 0.0} | {v: found[v, measure].value for v in comparison.variants}
            leaders[measure] = max(values, key=values.__getitem__)
        return cls(found, leaders)


class Effect(NamedTuple):
    """What an assumption does: the outcomes at both ends of its range, None where the scenario refuses an end."""

    number: Varied
    ends: tuple[Outcome | None, Outcome | None]
    refused: str  # why, if an end was

    def largest(self, usual: Outcome) -> tuple[float, str, str]:
        """Return (by how much, which variant's, by which measure): the largest change of a difference in value."""
        changes = [
            (abs(end.differences[place].value - difference.value), *place)
            for end in self.ends
            if end
            for place, difference in usual.differences.items()
        ]
        return max(changes, default=(0.0, "", ""))

    def turns(self, usual: Outcome) -> bool:
        """Return whether another lender leads at an end of the range, by either horizon."""
        return any(end is not None and end.leaders != usual.leaders for end in self.ends)


def check_tornado(experiment: Experiment) -> None:
    """Raise UserError if there is nothing to move, or no difference that it could move."""
    path, problems = str(experiment.scenario.path), []
    if len(experiment.lenders) < 2:
        problems.append(Problem(path, "", "no variants: there is no difference to move", "a file with variants"))
    if not any(one.doubt for one in everything(experiment)[0]):
        found = "no number has a range, and ranges are what a tornado moves"
        problems.append(Problem(path, "", found, "give some one, as in { value = 0.3, range = [0.2, 0.4] }"))
    if problems:
        raise UserError(problems)


def one_at_a_time(experiment: Experiment, observer: Observer = SILENT) -> tuple[Outcome, list[Effect]]:
    """Return the outcome as the scenario stands, and the effect of every number with a range, the largest first."""
    usual = Outcome.of(experiment.at({}))
    effects: list[Effect] = []
    every = [one for one in everything(experiment)[0] if one.doubt]
    for number, one in enumerate(every, 1):
        observer.started(f"{number} of {len(every)}: {one.key}")
        ends: list[Outcome | None] = []
        refused = ""
        for x in (one.low, one.high):
            try:
                ends.append(Outcome.of(experiment.at({one.key: one.at(x)})))
            except UserError as error:
                ends.append(None)
                refused = str(error)
        effects.append(Effect(one, (ends[0], ends[1]), refused))
    return usual, sorted(effects, key=lambda effect: -effect.largest(usual)[0])


def page(usual: Outcome, effects: list[Effect], most: int, currency: str) -> str:
    """Return the `most` largest effects as a Markdown table, and in words what was left out of it."""
    heads = ("", "number", "value", "90 % range", "source", f"moves by, {currency}", "of", "leads at low", "at high")
    lines = [f"| {' | '.join(heads)} |", "|---:|---|---|---|---|---:|---|---|---|"]
    for place, effect in enumerate(effects[:most], 1):
        one, (by, variant, measure) = effect.number, effect.largest(usual)
        assert one.doubt
        about, (low, high) = one.doubt.about, one.doubt.ends
        leads = [_leads(usual, end) for end in effect.ends]
        row = (
            *(
                str(place),
                f"`{one.key}`, {about.unit}",
                in_words(one.value),
                f"{in_words(low)} to {in_words(high)}",
            ),
            *(
                ": ".join(dict.fromkeys((about.status, about.source))),
                f"{by:,.0f}",
                f"{variant}, {HORIZONS[measure]}",
                *leads,
            ),
        )
        lines.append(f"| {' | '.join(row)} |")
    turning = sum(effect.turns(usual) for effect in effects)
    refused = [effect for effect in effects if effect.refused]
    said = [
        f"{len(effects)} numbers have a range. With {turning} of them another policy leads, by one horizon or the "
        "other, at an end of the range: who leads by less than its standard error leads by chance."
    ]
    said += [f"Not moved to both ends: `{effect.number.key}`: {effect.refused}." for effect in refused]
    return "\n".join([*lines, "", *said])


def _leads(usual: Outcome, end: Outcome | None) -> str:
    """Return who leads by each horizon at an end of a range; "as before" where nobody else does."""
    if end is None:
        return "refused"
    if end.leaders == usual.leaders:
        return "as before"
    return "; ".join(f"{name}, {HORIZONS[measure]}" for measure, name in end.leaders.items())


def main(arguments: list[str] | None = None) -> int:
    """Print the table, or write it into a page; return the exit code."""
    parser = ArgumentParser(prog="python -m simulator.decision.one_at_a_time", description=__doc__.splitlines()[0])
    parser.add_argument("scenario")
    parser.add_argument("--borrowers", type=int)
    parser.add_argument("--replications", type=int)
    parser.add_argument("--most", type=int, default=20, help="how many to show")
    parser.add_argument("--page", type=Path, help="the page whose table is replaced")
    given = parser.parse_args(arguments)
    try:
        if given.page and not (given.page.is_file() and BEGIN in given.page.read_text(encoding="utf-8")):
            raise UserError(
                Problem(str(given.page), "", "no page with a place for the table", f"it needs {BEGIN} {END}")
            )
        scenario = load_scenario(given.scenario, (), given.borrowers, given.replications)
        with Progress() as progress:
            experiment = Experiment(scenario, observer=progress)
            check_tornado(experiment)
            usual, effects = one_at_a_time(experiment, progress)
        text = page(usual, effects, given.most, scenario.baseline.currency.code)
        if given.page:
            write_block(given.page, text, BEGIN, END)
        else:
            print(text)
        return 0
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
