"""The summary that a command prints."""

import math
from itertools import chain

from simulator.analysis.measures import MEASURES, SHARE, answer
from simulator.language.catalogue import CHINESE, retold, say, spoken
from simulator.report import phrasing, worlds
from simulator.report.certainty import certainty
from simulator.report.narrow import Column, Fitted, Flowing
from simulator.report.reasons import reasons

CHANCE = "~\u00a0"  # before a difference that may be chance


def summary_table(comparison, compared=False):
    """Return rich renderables: warnings first, a row for each variant, the verdict, and the first reason of each.

    `compared`: a comparison was asked for, so that one without variants must say so.
    """
    from rich.text import Text

    frame = comparison.frame
    told = answer(frame)
    heads = {measure: column(comparison, measure) for measure in phrasing.stated(comparison, told)}
    columns = [
        Column(head, [Text(text, style=style) for text, style in cells], measure in phrasing.BOTH)
        for measure, (head, cells) in heads.items()
    ]
    table = Fitted([Text(phrasing.called(comparison, name)) for name in comparison.ledgers], columns)
    lines: list[Text | Fitted] = [
        Text(say("Caution: {caution}", caution=retold(said)), style="bold")
        if said in comparison.cautions
        else Text(say("Note: {note}", note=retold(said)), style="yellow")
        for said in comparison.warnings()
    ]
    lines += [Text(said, style="yellow") for said in [phrasing.given_people(comparison)] if said]
    lines += map(Text, comparison.of_choice())
    setting = say(
        "{setting}; flows over all months, shares at month {month}", setting=phrasing.setting(frame), month=frame.months
    )
    lines += [Text(frame.title, style="italic"), Text(setting, style="dim"), table]
    notes = [*phrasing.not_stated(comparison, told), phrasing.without_errors(frame)]
    if comparison.variants:
        marked = any(CHANCE in str(text) for each in columns for text in each.cells)
        slots = {
            "baseline": phrasing.named(comparison.baseline, comparison.frame),
            "also": phrasing.compared_with(comparison),
        }
        if phrasing.without_errors(frame):
            notes.append(say("{baseline}: value; others: change from it{also}.", **slots))
        elif not marked:
            notes.append(say("{baseline}: value ± standard error; others: change from it{also}.", **slots))
        else:
            notes.append(
                say(
                    "{baseline}: value ± standard error; others: change from it{also}; {mark}before what is within "
                    "chance.",
                    **slots,
                    mark=CHANCE,
                )
            )
    notes += [phrasing.needed(comparison), phrasing.rates(comparison)]
    lines += [Text(note, style="dim") for note in notes if note]
    if comparison.variants:
        lines.append(Text(phrasing.verdict(comparison)))
        lines += [Text(said) for said in [certainty(comparison)] if said]
        why = [(variant, reasons(comparison, variant)) for variant in comparison.variants]
        lines += [
            Text(
                say(
                    "Why {variant}: {reason}",
                    variant=phrasing.called(comparison, variant, phrasing.quoted),
                    reason=found[0],
                ),
                style="dim",
            )
            for variant, found in why
            if found
        ]
    elif compared:
        lines.append(Text(say("The scenario has no variants: there was nothing to compare with the baseline.")))
    return [_flowing(line) for line in lines]


def worlds_table(every_world):
    """Return rich renderables: a row for each lender with its value in every world, and who is best in them."""
    from rich.text import Text

    found = worlds.verdict(every_world)
    own = next(iter(every_world.values()))
    names: list[Text] = []
    cells: list[list[Text]] = [[] for _ in every_world]

    def add(what, texts):
        names.append(what)
        for column, text in zip(cells, texts, strict=True):
            column.append(text)

    if own.variants:
        add(Text(say("best")), [Text(worlds.best(one, own.frame)) for one in found.by_world.values()])
    for heading, rows in worlds.matrix(every_world):
        add(Text(heading, style="italic"), [Text("")] * len(cells))
        for what, row in rows:
            add(Text(what), [_in_cell(each) for each in row])
    table = Fitted(names, [Column(worlds.called(name), each) for name, each in zip(every_world, cells, strict=True)])
    slots = {"baseline": phrasing.named(own.baseline, own.frame), "also": phrasing.compared_with(own)}
    note = say("Each variant stands against the {baseline} of the same world{also}.", **slots)
    lines = [Text(worlds.in_words(found, own.frame), style="bold"), table, Text(note, style="dim"), Text("")]
    return [_flowing(line) for line in lines]


def _flowing(line):
    """Return a paragraph as one in Chinese flows, where that is spoken; anything else as it is."""
    from rich.text import Text

    return Flowing(line) if isinstance(line, Text) and spoken() == CHINESE else line


def _in_cell(cell):
    """Return the text of a cell of worlds, which says what is within chance."""
    from rich.text import Text

    within = cell.sureness == "within chance"
    lines = [(CHANCE if within else "") + cell.value, cell.error]
    return Text("\n".join(filter(None, lines)), style="dim" if within else "")


def column(comparison, measure):
    """Return (head, [(text, style) for each variant]) in one scale: the baseline's value, then the differences."""
    unit = MEASURES[measure].unit_in(comparison.frame)
    levels, differences = {}, {}
    for name in phrasing.in_one_scale(comparison, measure):
        levels[name] = comparison.estimate(comparison.baseline, name)
        differences[name] = [comparison.difference(variant, name) for variant in comparison.variants]
    level, found = levels[measure], differences[measure]
    every = (*levels.values(), *chain(*differences.values()))
    largest = max((abs(x.value) for x in every if math.isfinite(x.value)), default=0.0)
    factor, before, after = phrasing.scale_of(largest, 0.0, unit)
    shares = unit.startswith(SHARE) and comparison.variants
    scale = say("%, pp|of a narrow column") if shares else phrasing.scale_in_words(before, after)
    head = say("{measure}, {scale}|of a narrow column", measure=phrasing.label(measure), scale=scale)
    return head, [(cell(level, factor), ""), *(changed(d, factor) for d in found)]


def changed(d, factor):
    """Return (text, style) of a difference; the text alone says what is within chance, for it may reach a file."""
    within = phrasing.clarity(d) == "within chance"
    return (CHANCE if within else "") + cell(d, factor, "+"), "bold" if d.is_clear else "dim"


def cell(estimate, factor, plus=""):
    """Return a value with its standard error on the line below, so that many columns fit side by side."""
    value, se = estimate.value * factor, estimate.se * factor
    if not math.isfinite(value):
        return "–"
    decimals = phrasing.decimals_of(value, se)
    text = (plus if value > 0 else "") + phrasing.plain(value, decimals)
    return f"{text}\n± {phrasing.plain(se, decimals)}" if se > 0 else text
