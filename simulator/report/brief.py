"""A study in a few lines, for whoever looks at it in Python or in a notebook."""

from html import escape
from textwrap import shorten

from simulator.analysis.measures import MEASURES, answer
from simulator.language.catalogue import retold, say
from simulator.report import phrasing, worlds

MOST_VARIANTS, MOST_CAUTIONS = 4, 2  # that are told
LONGEST = 240  # characters of a line


def lines(study) -> list[str]:
    """Return title and setting, cautions, the verdict, and what changes under each variant: under 2,000 characters."""
    told = [say("{name}: {words}", name=study.frame.title, words=phrasing.setting(study.frame))]
    told += _cautions(study)[:MOST_CAUTIONS]
    told += [say("({n:,} more cautions)", n=more)] if (more := len(study.cautions) - MOST_CAUTIONS) > 0 else []
    told += _answer(study)
    told += [_changes(study, variant) for variant in study.variants[:MOST_VARIANTS]]
    told += [say("({n:,} more variants)", n=more)] if (more := len(study.variants) - MOST_VARIANTS) > 0 else []
    return [shorten(line, LONGEST, placeholder=" ...") for line in told]


def html(study) -> str:
    """Return the same as HTML: what a notebook shows, with a table of the variants."""
    measures = [name for name in answer(study.frame) if name in study.measures]
    head = "".join(f"<th>{escape(phrasing.label(name))}</th>" for name in measures)
    rows = [
        f"<tr><th>{escape(phrasing.named(name, study.frame))}</th>{_cells(study, name, measures)}</tr>"
        for name in study.lenders
    ]
    title = f"<h3>{escape(study.frame.title)}</h3><p>{escape(phrasing.setting(study.frame))}</p>"
    words = [*_cautions(study), *_answer(study)]
    about = "".join(f"<p>{escape(line)}</p>" for line in words)
    return f"{title}{about}<table><tr><th></th>{head}</tr>{''.join(rows)}</table>"


def _cautions(study) -> list[str]:
    return [say("Caution: {caution}", caution=retold(said)) for said in study.cautions]


def _answer(study) -> list[str]:
    """Return the verdict in a sentence, or nothing where nothing is compared."""
    if not study.variants:
        return []
    elsewhere = [worlds.in_words(study.verdict_in_every_world, study.frame)] if study.worlds else []
    return [*elsewhere, phrasing.verdict_of(study.verdict, len(study.lenders), study.frame)]


def _changes(study, variant) -> str:
    """Return what changes under a variant: the first measures of the answer that the run states."""
    said = []
    for measure in answer(study.frame):
        d = study.difference(variant, measure) if measure in study.measures else None
        if d and d.value == d.value:
            number = phrasing.number(d.value, d.se, MEASURES[measure].unit_in(study.frame), difference=True)
            said.append(say("{measure} {change}", measure=phrasing.label(measure), change=number))
    return say("{name}: {words}", name=phrasing.named(variant, study.frame), words=phrasing.in_a_row(said))


def _cells(study, lender, measures) -> str:
    """Return a row of the table: values of the baseline, differences from it of a variant."""
    cells = []
    for measure in measures:
        unit, is_base = MEASURES[measure].unit_in(study.frame), lender == study.lenders[0]
        found = study.estimate(lender, measure) if is_base else study.difference(lender, measure)
        number = phrasing.number(found.value, found.se, unit, difference=not is_base)
        is_clear = not is_base and found.is_clear
        cells.append(f"<td>{'<b>' if is_clear else ''}{escape(number)}{'</b>' if is_clear else ''}</td>")
    return "".join(cells)
