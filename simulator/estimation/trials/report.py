"""What a trial taught, as files: effects.toml, posterior.csv, response.csv, next_trial.csv and a page."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logit

from simulator.estimation.trials.prior import LEARNED
from simulator.language.catalogue import kept, noted, retold, say
from simulator.report.paper import Section, Table, paper
from simulator.report.phrasing import MINUS
from simulator.report.told import facts_told

if TYPE_CHECKING:
    from simulator.estimation.trials.estimator import Learned
    from simulator.report.paper import Picture

FAR = 2.0  # standard errors beyond which the trial and what is known, or can be, do not agree
ODDS_APART = 1.5  # times the odds by which the controls of trial and scenario may differ before it is said
LEAST = 1.0  # of the currency: what is worth less is worth nothing
SHOWN = 12  # sizes of the next trial in the table of the page
KINDS = {"scenario": noted("scenario"), "published": noted("published"), "flat": noted("flat|of a prior")}


def answers(found: "Learned") -> list[str]:
    """Return what the trial says, in sentences: for the page and for the command line."""
    trial, key = found.trial, found.asked.effect
    before, after = (_interval(one.interval) for one in (found.before, found.after))
    control, arm = trial.n.sum(axis=0)
    where = say(", {n} segments", n=len(trial.segments)) if len(trial.segments) > 1 else ""
    where += say(", {n} months", n=len(trial.months)) if len(trial.months) > 1 else ""
    middle, low, high = (f"{x:.3f}" for x in np.exp(found.seen.alone))
    arms = {"arm": trial.arm, "n": f"{arm:,.0f}", "control": trial.control, "n_control": f"{control:,.0f}"}
    return [
        say(
            "Your trial moved {key} from {before} to {after}: median and 90 % interval.",
            key=key,
            before=before,
            after=after,
        ),
        say(
            "Arm {arm} ({n} accounts) against {control} ({n_control}){where}: {middle} times the odds of {counts} "
            "({low} to {high}), by the trial alone."
            if trial.counts
            else "Arm {arm} ({n} accounts) against {control} ({n_control}){where}: {middle} times the mean of {counts} "
            "({low} to {high}), by the trial alone.",
            **arms,
            where=where,
            middle=middle,
            counts=found.asked.counts,
            low=low,
            high=high,
        ),
        _in_scenario(found),
        say("Known before ({kind}): {source}.", kind=say(KINDS[found.prior.kind]), source=retold(found.prior.source)),
        _next(found),
    ]


def _in_scenario(found):
    """Say what the setting makes of the measure in the scenario."""
    middle = found.after.interval[0]
    level = float(np.interp(middle, found.response.settings, found.response.level))
    fall = level / found.response.control - 1
    return say(
        "In the scenario {key} = {value} moves {counts} from {control} to {level}, {change} %: both arms were "
        "simulated to read the trial on the setting's own scale.",
        key=found.asked.effect,
        value=f"{middle:.3g}",
        counts=found.asked.counts,
        control=_level(found, found.response.control),
        level=_level(found, level),
        change=_signed(100 * fall, 1),
    )


def _next(found):
    """Say how large the next trial should be."""
    sizes, unit = found.next_trial, found.currency
    if sizes is None:
        return say("The size of a next trial is not stated: {why}.", why=retold(found.response.unvalued))
    each = say("{cost} {unit} an account", cost=f"{found.asked.account_cost:g}", unit=unit)
    book = say(
        "for {borrowers} borrowers the policy is worth {amount} {unit} more than none as things stand"
        if sizes.lead > 0
        else "for {borrowers} borrowers the policy is worth {amount} {unit} less than none as things stand",
        borrowers=f"{found.book:,}",
        amount=_money(abs(sizes.lead)),
        unit=unit,
    )
    if sizes.perfect < LEAST:
        return say("A next trial would change nothing: {book}, whatever the setting is in its range.", book=book)
    if sizes.best is None:
        return say(
            "No further trial pays at {each}: {book}, and to know the setting exactly would be worth {amount} {unit}.",
            each=each,
            book=book,
            amount=_money(sizes.perfect),
            unit=unit,
        )
    n, worth, cost = (one[sizes.best] for one in (sizes.accounts, sizes.worth, sizes.cost))
    return say(
        "A next trial pays most with {n} accounts an arm: worth {worth} {unit}, cost {cost} {unit} at {each}; {book}.",
        n=_round(n),
        worth=_money(worth),
        cost=_money(cost),
        unit=unit,
        each=each,
        book=book,
    )


def cautions(found: "Learned") -> list[str]:
    """Return what must be known of the trial before its numbers."""
    trial = found.trial
    said: list[str] = []
    middle, low, high = found.seen.alone
    if trial.headings:
        each = "; ".join(f"{heading} = {name}" for heading, name in trial.headings)
        said.append(kept("Columns were known by their Chinese headings: {each}. --column says otherwise.", each=each))
    sd = (high - low) / 3.29
    possible = found.response.contrast.min(), found.response.contrast.max()
    away = max(possible[0] - middle, middle - possible[1]) / sd
    if away > FAR:
        numbers = {"middle": middle, "low": low, "high": high, "least": possible[0], "most": possible[1]}
        said.append(
            kept(
                "The trial's contrast, {middle} ({low} to {high}), is beyond what any value lived of {key} makes in "
                "this scenario ({least} to {most}).",
                key=found.asked.effect,
                **{name: _signed(number) for name, number in numbers.items()},
            )
        )
    known = found.response.at(np.array(found.before.quantiles(0.005, 0.995)))
    if away <= FAR and max(known.min() - middle, middle - known.max()) / sd > FAR:
        said.append(kept("The trial lies far from what was known before it: what stands here is between the two."))
    here, there = trial.level[0], found.response.control
    apart = np.log(here / (1 - here) * (1 - there) / there) if trial.counts else np.log(here / there)
    if trial.counts and abs(apart) > np.log(ODDS_APART):
        said.append(
            kept(
                "In the trial {counts} of the control is {here}, in the scenario {there}: a scenario that fits better "
                "reads the trial better.",
                counts=found.asked.counts,
                here=_level(found, here),
                there=_level(found, there),
            )
        )
    if found.response.error_at(found.after.interval[0]) > sd / 2:
        said.append(
            kept("The simulation's error is much of the trial's: more --borrowers or --replications read it better.")
        )
    if found.prior.is_own and found.prior.source.startswith(f"{LEARNED}{trial.file}:"):
        twice = noted("The scenario has learned from {file} before: the same accounts would count twice.")
        said.append(kept(twice, file=trial.file))
    if trial.is_rough:
        said.append(
            kept("Some cells have fewer than 5 accounts with or without a success: take months or segments together.")
        )
    if trial.left_out:
        said.append(kept("Arms that were not looked at: {arms}.", arms=", ".join(trial.left_out)))
    if len(trial.months) == 1:
        said.append(kept("One month, or none told apart: what another month would do is in no interval."))
    return said


def effects_toml(found: "Learned") -> str:
    """Return the part of a scenario file that the trial gives: the setting with its range and source."""
    import tomlkit

    value, low, high = (float(f"{x:.4g}") for x in found.after.interval)
    trial = found.trial
    source = (
        f"{LEARNED}{trial.file}: arm {trial.arm} against {trial.control}, {trial.n.sum():,.0f} accounts; "
        f"before it {_in_file(found.before.interval)} ({found.prior.kind})"
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
    trial, lived, key = found.trial, found.response, found.asked.effect
    of = say("log-odds") if trial.counts else say("logarithm of the mean")
    interval = say("90 % interval")
    times = {"before": (say("before"), found.before), "after": (say("after"), found.after)}
    learned = Table(
        (key, say("median"), interval),
        [(name, *_apart(one.interval)) for name, one in times.values()],
        say("Before: {source}.", source=retold(found.prior.source)),
    )
    less = say("{of}, {arm} less {control}", of=of, arm=trial.arm, control=trial.control)
    segments = Table(
        (say("segment"), say("accounts"), less, interval),
        [
            (name, f"{trial.n[trial.segment == k].sum():,.0f}", *_apart(found.by_segment[k], True))
            for k, name in enumerate(trial.segments)
        ],
        say("After pooling: a segment that says little by itself lies near the others."),
    )
    response = Table(
        (key, found.asked.counts, of, say("standard error")),
        [
            (f"{x:.3g}", _level(found, level), _signed(contrast, 3), f"{se:.3f}")
            for x, contrast, se, level in zip(lived.settings, lived.contrast, lived.error, lived.level, strict=True)
        ],
        say(
            "The control has {control}. Means of {n} month; the standard error is that of the simulation, which the "
            "interval holds."
            if found.months == 1
            else "The control has {control}. Means of {n} months; the standard error is that of the simulation, which "
            "the interval holds.",
            control=_level(found, lived.control),
            n=found.months,
        ),
    )
    words = [
        say(
            "Contrast of a cell = effect + deviation of its segment + deviation of its month + error. Both spreads are "
            "integrated out; the effect is the mean of the trial's segments by accounts."
        ),
        say(
            "A setting acts on reasons, a trial sees results: the arms are simulated with the setting at a few values, "
            "and what was known of it is weighed by how likely each value makes the trial."
        ),
    ]
    sections = [
        Section(say("What was learned"), words, [picture(found)], [learned, segments]),
        Section(say("What the setting does in the scenario"), [], [], [response]),
    ]
    if (sizes := found.next_trial) is not None and sizes.perfect >= LEAST:
        sections.append(_next_section(found, sizes))
    slots = {"file": trial.file, "key": key, "scenario": found.scenario.path}
    return paper(
        say("What {file} says of {key}", **slots),
        say("{file}, read in {scenario}.", **slots),
        answers(found),
        [],
        sections,
        facts_told(manifest),
        found.cautions,
    )


def _next_section(found, sizes):
    """Return the part of the page about the size of a next trial."""
    shown = np.unique(np.linspace(0, len(sizes.accounts) - 1, SHOWN).astype(int))
    if sizes.best is not None:
        shown = np.unique([*shown, sizes.best])
    rows = [
        tuple(_money(one[k]) for one in (sizes.accounts, sizes.worth, sizes.cost, sizes.worth - sizes.cost))
        for k in shown
    ]
    worth = say(
        "Worth: the mean, over what such a trial may find, of the better of the two lenders (with the policy, without "
        "it) by net present value, less that of the better one now. The cost of an account is an assumption: give "
        "yours with --account-cost."
        if found.asked.account_cost == 1
        else "Worth: the mean, over what such a trial may find, of the better of the two lenders (with the policy, "
        "without it) by net present value, less that of the better one now. The cost of an account is as given."
    )
    head = (say("accounts an arm"), say("worth, {unit}", unit=found.currency), say("cost"), say("worth less cost"))
    return Section(say("The next trial"), [worth], [], [Table(head, rows)])


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
        for one, name, colour in ((found.before, say("before"), COLOURS[2]), (found.after, say("after"), COLOURS[1])):
            setting.plot(one.quantiles(*shares), 100 * shares, color=colour, lw=1.6, label=name)
        setting.set_xlabel(found.asked.effect)
        setting.set_ylabel(say("probability that it is lower, %"))
        setting.set_title(say("The setting"))
        setting.legend(loc="best")
        if sizes:
            worth = axes[0][1]
            worth.plot(sizes.accounts, sizes.worth, color=COLOURS[1], lw=1.6, label=say("worth"))
            worth.plot(sizes.accounts, sizes.cost, color=COLOURS[2], lw=1.6, label=say("cost"))
            if sizes.best is not None:
                worth.axvline(sizes.accounts[sizes.best], color=SOFT, lw=1)
            worth.set_xscale("log")
            worth.set_ylim(0, max(1.5 * sizes.worth.max(), 1e-9))
            worth.set_xlabel(say("accounts an arm"))
            worth.set_ylabel(found.currency)
            worth.set_title(say("The next trial"))
            worth.legend(loc="best")
        caption = say(
            "{key} before and after the trial, and what a next trial is worth and costs by its size."
            if sizes
            else "{key} before and after the trial.",
            key=found.asked.effect,
        )
        return Picture(say("Before and after"), svg(made, caption), caption)


def _interval(one):
    middle, low, high = one
    return say("{middle} ({low} to {high})", middle=f"{middle:.3g}", low=f"{low:.3g}", high=f"{high:.3g}")


def _in_file(one):
    """Return an interval as a file has it, in whatever language the page is."""
    middle, low, high = one
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def _apart(one, signed=False):
    middle, low, high = ((_signed(x, 3) if signed else f"{x:.3g}") for x in one)
    return middle, say("{low} to {high}", low=low, high=high)


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
