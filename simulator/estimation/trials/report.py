"""What a trial taught, as files: effects.toml, posterior.csv, response.csv, next_trial.csv and a page."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logit

from simulator.estimation.trials.prior import LEARNED
from simulator.report.paper import Section, Table, paper
from simulator.report.phrasing import MINUS

if TYPE_CHECKING:
    from simulator.estimation.trials.estimator import Learned
    from simulator.report.paper import Picture

FAR = 2.0  # standard errors beyond which the trial and what is known, or can be, do not agree
ODDS_APART = 1.5  # times the odds by which the controls of trial and scenario may differ before it is said
LEAST = 1.0  # of the currency: what is worth less is worth nothing
SHOWN = 12  # sizes of the next trial in the table of the page


def answers(found: "Learned") -> list[str]:
    """Return what the trial says, in sentences: for the page and for the command line."""
    trial, key = found.trial, found.asked.effect
    before, after = (_interval(one.interval) for one in (found.before, found.after))
    control, arm = trial.n.sum(axis=0)
    where = "".join(
        f", {len(names)} {one}s"
        for one, names in (("segment", trial.segments), ("month", trial.months))
        if len(names) > 1
    )
    middle, low, high = np.exp(found.seen.alone)
    of = "odds" if trial.counts else "mean"
    said = [
        f"Your trial moved {key} from {before} to {after}: median and 90 % interval.",
        f"Arm {trial.arm} ({arm:,.0f} accounts) against {trial.control} ({control:,.0f}){where}: "
        f"{middle:.3f} times the {of} of {found.asked.counts} ({low:.3f} to {high:.3f}), by the trial alone.",
        _in_scenario(found),
        f"Known before ({found.prior.kind}): {found.prior.source}.",
        _next(found),
    ]
    return said


def _in_scenario(found):
    """Say what the setting makes of the measure in the scenario."""
    middle = found.after.interval[0]
    level = float(np.interp(middle, found.response.settings, found.response.level))
    fall = level / found.response.control - 1
    return (
        f"In the scenario {found.asked.effect} = {middle:.3g} moves {found.asked.counts} from "
        f"{_level(found, found.response.control)} to {_level(found, level)}, {_signed(100 * fall, 1)} %: both "
        "arms were simulated to read the trial on the setting's own scale."
    )


def _next(found):
    """Say how large the next trial should be."""
    sizes, unit = found.next_trial, found.currency
    if sizes is None:
        return f"The size of a next trial is not stated: {found.response.unvalued}."
    each = f"{found.asked.account_cost:g} {unit} an account"
    lead = f"{_money(abs(sizes.lead))} {unit} {'more' if sizes.lead > 0 else 'less'} than none"
    book = f"for {found.book:,} borrowers the policy is worth {lead} as things stand"
    if sizes.perfect < LEAST:
        return f"A next trial would change nothing: {book}, whatever the setting is in its range."
    if sizes.best is None:
        return (
            f"No further trial pays at {each}: {book}, and to know the setting exactly would be worth "
            f"{_money(sizes.perfect)} {unit}."
        )
    n, worth, cost = (one[sizes.best] for one in (sizes.accounts, sizes.worth, sizes.cost))
    return (
        f"A next trial pays most with {_round(n)} accounts an arm: worth {_money(worth)} {unit}, cost {_money(cost)} "
        f"{unit} at {each}; {book}."
    )


def cautions(found: "Learned") -> list[str]:
    """Return what must be known of the trial before its numbers."""
    trial, said = found.trial, []
    middle, low, high = found.seen.alone
    sd = (high - low) / 3.29
    possible = found.response.contrast.min(), found.response.contrast.max()
    away = max(possible[0] - middle, middle - possible[1]) / sd
    if away > FAR:
        said.append(
            f"The trial's contrast, {_signed(middle)} ({_signed(low)} to {_signed(high)}), is beyond what any value "
            f"lived of {found.asked.effect} makes in this scenario ({_signed(possible[0])} to {_signed(possible[1])})."
        )
    known = found.response.at(np.array(found.before.quantiles(0.005, 0.995)))
    if away <= FAR and max(known.min() - middle, middle - known.max()) / sd > FAR:
        said.append("The trial lies far from what was known before it: what stands here is between the two.")
    here, there = trial.level[0], found.response.control
    apart = np.log(here / (1 - here) * (1 - there) / there) if trial.counts else np.log(here / there)
    if trial.counts and abs(apart) > np.log(ODDS_APART):
        said.append(
            f"In the trial {found.asked.counts} of the control is {_level(found, here)}, in the scenario "
            f"{_level(found, there)}: a scenario that fits better reads the trial better."
        )
    if found.response.error_at(found.after.interval[0]) > sd / 2:
        said.append("The simulation's error is much of the trial's: more --borrowers or --replications read it better.")
    if found.prior.is_own and found.prior.source.startswith(f"{LEARNED}{trial.file}:"):
        said.append(f"The scenario has learned from {trial.file} before: the same accounts would count twice.")
    if trial.is_rough:
        said.append(
            "Some cells have fewer than 5 accounts with or without a success: take months or segments together."
        )
    if trial.left_out:
        said.append(f"Arms that were not looked at: {', '.join(trial.left_out)}.")
    if len(trial.months) == 1:
        said.append("One month, or none told apart: what another month would do is in no interval.")
    return said


def effects_toml(found: "Learned") -> str:
    """Return the part of a scenario file that the trial gives: the setting with its range and source."""
    import tomlkit

    value, low, high = (float(f"{x:.4g}") for x in found.after.interval)
    trial = found.trial
    source = (
        f"{LEARNED}{trial.file}: arm {trial.arm} against {trial.control}, {trial.n.sum():,.0f} accounts; "
        f"before it {_interval(found.before.interval)} ({found.prior.kind})"
    )
    path, _, name = found.asked.effect.rpartition(".")
    at = f'value = {value}, range = [{low}, {high}], shape = "{_shape(found, value, low, high)}"'
    number = f'{at}, source = {tomlkit.item(source).as_string()}, status = "derived"'
    return (
        '# Lay it over a scenario: extends = ["my.toml", "effects.toml"]. The range is the 90 % interval after the\n'
        "# trial, which `compare --doubt` draws from.\n"
        f"[{path}]\n{name} = {{ {number} }}\n"
    )


def _shape(found, value, low, high):
    """Return the scale on which both ends lie most nearly as far from the value."""
    bounds = found.prior.doubt.bounds
    scales: dict[str, Callable] = {"normal": float}
    if low > 0 and bounds[0] >= 0:
        scales["lognormal"] = np.log
    if low > 0 and high < 1 and bounds[0] >= 0 and bounds[1] <= 1:
        scales["logit"] = logit
    sides = {name: (to(high) - to(value)) / (to(value) - to(low)) for name, to in scales.items() if low < value < high}
    return min(sides, key=lambda name: abs(np.log(sides[name])), default="normal")


def write_tables(found: "Learned", folder: Path) -> None:
    """Write posterior.csv, response.csv and, where it can be stated, next_trial.csv into `folder`."""
    _csv(folder / "posterior.csv", *_segments(found))
    lived = found.response
    numbers = zip(lived.settings, lived.contrast, lived.error, lived.level, strict=True)
    _csv(folder / "response.csv", ("setting", "contrast", "se", "level"), [tuple(map(float, row)) for row in numbers])
    if (sizes := found.next_trial) is not None:
        rows = zip(sizes.accounts.astype(int).tolist(), sizes.worth.tolist(), sizes.cost.tolist(), strict=True)
        _csv(folder / "next_trial.csv", ("accounts_per_arm", "worth", "cost"), list(rows))


def _segments(found):
    """Return the head and rows of posterior.csv: the setting first, then the contrast in each segment."""
    rows = [("setting", name, None, *one.interval) for name, one in (("before", found.before), ("after", found.after))]
    trial = found.trial
    rows.append(("contrast", "trial alone", int(trial.n.sum()), *found.seen.alone))
    for k, segment in enumerate(trial.segments):
        n = int(trial.n[trial.segment == k].sum())
        rows.append(("contrast", segment, n, *map(float, found.by_segment[k])))
    return ("of", "name", "accounts", "median", "low", "high"), rows


def _csv(path, head, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)


def page(found: "Learned", manifest: dict[str, Any]) -> str:
    """Return the report: one page that opens offline and begins with the answers."""
    trial, lived = found.trial, found.response
    of = "log-odds" if trial.counts else "logarithm of the mean"
    learned = Table(
        (found.asked.effect, "median", "90 % interval"),
        [(name, *_apart(one.interval)) for name, one in (("before", found.before), ("after", found.after))],
        f"Before: {found.prior.source}.",
    )
    segments = Table(
        ("segment", "accounts", f"{of}, {trial.arm} less {trial.control}", "90 % interval"),
        [
            (name, f"{trial.n[trial.segment == k].sum():,.0f}", *_apart(found.by_segment[k], True))
            for k, name in enumerate(trial.segments)
        ],
        "After pooling: a segment that says little by itself lies near the others.",
    )
    response = Table(
        (found.asked.effect, found.asked.counts, of, "standard error"),
        [
            (f"{x:.3g}", _level(found, level), _signed(contrast, 3), f"{se:.3f}")
            for x, contrast, se, level in zip(lived.settings, lived.contrast, lived.error, lived.level, strict=True)
        ],
        f"The control has {_level(found, lived.control)}. Means of {found.months} month"
        f"{'s' if found.months > 1 else ''}; the standard error is that of the simulation, which the interval holds.",
    )
    sections = [
        Section(
            "What was learned",
            [
                "Contrast of a cell = effect + deviation of its segment + deviation of its month + error. Both spreads "
                "are integrated out; the effect is the mean of the trial's segments by accounts.",
                "A setting acts on reasons, a trial sees results: the arms are simulated with the setting at a few "
                "values, and what was known of it is weighed by how likely each value makes the trial.",
            ],
            [picture(found)],
            [learned, segments],
        ),
        Section("What the setting does in the scenario", [], [], [response]),
    ]
    if (sizes := found.next_trial) is not None and sizes.perfect >= LEAST:
        shown = np.unique(np.linspace(0, len(sizes.accounts) - 1, SHOWN).astype(int))
        if sizes.best is not None:
            shown = np.unique([*shown, sizes.best])
        rows = [
            tuple(_money(one[k]) for one in (sizes.accounts, sizes.worth, sizes.cost, sizes.worth - sizes.cost))
            for k in shown
        ]
        sections.append(
            Section(
                "The next trial",
                [
                    "Worth: the mean, over what such a trial may find, of the better of the two lenders (with the "
                    "policy, without it) by net present value, less that of the better one now. The cost of an account "
                    + (
                        "is an assumption: give yours with --account-cost."
                        if found.asked.account_cost == 1
                        else "is as given."
                    )
                ],
                [],
                [Table(("accounts an arm", f"worth, {found.currency}", "cost", "worth less cost"), rows)],
            )
        )
    return paper(
        f"What {trial.file} says of {found.asked.effect}",
        f"{trial.file}, read in {found.scenario.path}.",
        answers(found),
        [],
        sections,
        [(str(name).replace("_", " "), str(value)) for name, value in manifest.items()],
        [f"Caution: {caution}" for caution in found.cautions],
    )


def picture(found: "Learned") -> "Picture":
    """Return the figure: the setting before and after the trial; what a next trial is worth and costs."""
    import matplotlib

    from simulator.report.colours import COLOURS, SOFT
    from simulator.report.picture import Picture
    from simulator.report.plotting import STYLE, figure, svg

    sizes = found.next_trial
    if sizes and sizes.perfect < LEAST:
        sizes = None
    with matplotlib.rc_context(STYLE):
        made, axes = figure(3.2, 1, 2 if sizes else 1)
        setting = axes[0][0]
        shares = np.linspace(0.005, 0.995, 199)
        for one, name, colour in ((found.before, "before", COLOURS[2]), (found.after, "after", COLOURS[1])):
            setting.plot(one.quantiles(*shares), 100 * shares, color=colour, lw=1.6, label=name)
        setting.set_xlabel(found.asked.effect)
        setting.set_ylabel("probability that it is lower, %")
        setting.set_title("The setting")
        setting.legend(loc="best")
        if sizes:
            worth = axes[0][1]
            worth.plot(sizes.accounts, sizes.worth, color=COLOURS[1], lw=1.6, label="worth")
            worth.plot(sizes.accounts, sizes.cost, color=COLOURS[2], lw=1.6, label="cost")
            if sizes.best is not None:
                worth.axvline(sizes.accounts[sizes.best], color=SOFT, lw=1)
            worth.set_xscale("log")
            worth.set_ylim(0, max(1.5 * sizes.worth.max(), 1e-9))
            worth.set_xlabel("accounts an arm")
            worth.set_ylabel(found.currency)
            worth.set_title("The next trial")
            worth.legend(loc="best")
        caption = f"{found.asked.effect} before and after the trial" + (
            ", and what a next trial is worth and costs by its size." if sizes else "."
        )
        return Picture("Before and after", svg(made, caption), caption)


def _interval(one):
    middle, low, high = one
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def _apart(one, signed=False):
    middle, low, high = ((_signed(x, 3) if signed else f"{x:.3g}") for x in one)
    return middle, f"{low} to {high}"


def _level(found, level):
    return f"{100 * level:.3g} %" if found.trial.counts else f"{level:,.4g}"


def _money(amount):
    return f"{amount:,.0f}".replace("-", MINUS)


def _round(n):
    """Return a number of accounts to two digits."""
    step = 10 ** max(int(np.floor(np.log10(n))) - 1, 0)
    return f"{round(n / step) * step:,.0f}"


def _signed(value, decimals=2):
    return f"{value:+.{decimals}f}".replace("-", MINUS)
