"""The report: one HTML page that opens offline and begins with the answer."""

from collections.abc import Mapping

import numpy as np

from simulator.analysis.accounting.ifrs9 import BEHAVIOURAL_LIFE, STAGES
from simulator.analysis.ledger import components
from simulator.analysis.measures import ACCOUNTS, MEASURES, answer, shown_in
from simulator.analysis.measures.tables import BY_CAUSE, CELLS, NUMBERS, SUPERVISORS, SWAPS
from simulator.language.catalogue import noted, retold, say, spoken
from simulator.model.layout import GRADE_NAMES, PRODUCTS
from simulator.report import phrasing, reasons, worlds
from simulator.report.certainty import certainty
from simulator.report.headline import headline
from simulator.report.paper import Picture, in_each, page, template
from simulator.report.references import glossary, in_order
from simulator.scenario.parameters import STATUSES, in_words, measured, settings, source_words, status_of

ONE_LINE = ("loss_on_sale", "partner_profit")  # sums that the account of profit shows as one line
SHARED = "net_loss"  # of which is told what part of its variance all borrowers share
SHARED_VARIANCE_REPLICATIONS = 30  # a covariance from fewer is mostly noise


def render(
    comparison,
    manifest: dict,
    pictures: list[Picture] | Mapping[str, list[Picture]],
    every_world=None,
    tables=None,
    made_from: str = "",
) -> str:
    """Return the page; `manifest` is what manifest.json says, `tables` those of the resolved scenario, if known.

    `pictures` by language make it a page in each of these; alone, one in the language that is spoken. `every_world`
    has the comparisons of all worlds by name, the first being `comparison`, if there are several. `made_from` is the
    folder that has the run's files, if it is not that of the page.
    """
    each = pictures if isinstance(pictures, Mapping) else {spoken(): pictures}

    def told(language: str) -> str:
        return body(comparison, manifest, each[language], every_world, tables, made_from)

    return page(comparison.frame.title, in_each(each, told), has_script=True)


def body(
    comparison, manifest: dict, pictures: list[Picture], every_world=None, tables=None, made_from: str = ""
) -> str:
    """Return what stands on the page, in the language that is spoken."""
    told = answers(comparison)
    several = every_world if every_world and len(every_world) > 1 else {}
    return template("comparison.html.j2").render(
        comparison=comparison,
        compared_with=phrasing.compared_with(comparison),
        frame=comparison.frame,
        setting=phrasing.setting(comparison.frame),
        made_by=phrasing.made_by((tables or {}).get("author"), manifest.get("date")),
        without_errors=phrasing.without_errors(comparison.frame),
        needed=phrasing.needed(comparison),
        verdict=phrasing.verdict(comparison),
        headline=headline(comparison, tables or {}),
        choice=comparison.of_choice(),
        certainty=certainty(comparison),
        warnings=[retold(said) for said in (phrasing.given_people(comparison), *comparison.warnings()) if said],
        in_worlds=worlds.in_words(worlds.verdict(several), comparison.frame) if several else "",
        world_heads=[(worlds.called(name), worlds.best(each.verdict(), each.frame)) for name, each in several.items()],
        matrix=worlds.matrix(several) if several else [],
        elsewhere=[elsewhere(name, each, comparison) for name, each in several.items() if each is not comparison],
        not_stated=phrasing.not_stated(comparison, [name for section in NUMBERS for name in shown_in(section)]),
        answers=told,
        table=table(comparison, [(section, shown_in(section)) for section in NUMBERS]),
        power=reasons.rating_power(comparison),
        causes=cause_table(comparison),
        swaps=swap_table(comparison),
        pictures=pictures,
        account=account(comparison),
        swap_heads=[phrasing.short(name) for name in phrasing.stated(comparison, shown_in(SWAPS))],
        rates=rate_table(comparison),
        grades=GRADE_NAMES,
        where=where(comparison),
        where_heads=[phrasing.label(name) for name in shown_in(CELLS)],
        standing=standing(comparison),
        behavioural_life=BEHAVIOURAL_LIFE,
        caveats=caveats(comparison),
        glossary_head=in_order((say("term"), say("in Chinese"), say("name in files"), say("meaning"))),
        glossary=words_on_it(comparison, told),
        in_force=in_force(tables or {}),
        manifest=flat(manifest),
        made_from=made_from,
    )


def elsewhere(name, comparison, own):
    """Return what is told of another world: name, title, cautions of its own, verdict, table, and [(variant, why)]."""
    return {
        "name": name,
        "title": comparison.frame.title,
        "comparison": comparison,
        "warnings": [retold(said) for said in comparison.warnings() if said not in own.warnings()],
        "verdict": phrasing.verdict(comparison),
        "table": table(comparison, [(section, shown_in(section)) for section in NUMBERS]),
        "why": [(phrasing.called(own, v), reasons.reasons(comparison, v)) for v in comparison.variants],
    }


def answers(comparison):
    """Return [(variant, sentence, [(label, value, error and sureness, sureness)], why)]; for a run one of levels."""
    told = []
    for variant in comparison.variants or [comparison.baseline]:
        facts = []
        for measure in phrasing.stated(comparison, answer(comparison.frame)):
            unit = MEASURES[measure].unit_in(comparison.frame)
            if comparison.variants:
                d = comparison.difference(variant, measure)
                value, se, sureness = d.value, d.se, phrasing.clarity(d)
            else:
                (value, se), sureness = comparison.estimate(variant, measure), ""
            text, error = phrasing.apart(value, se, unit, difference=bool(comparison.variants))
            about = phrasing.in_a_row(filter(None, (error, sureness and say(sureness))))
            facts.append((phrasing.label(measure), text, about, sureness))
        moved = phrasing.stated(comparison, answer(comparison.frame)) if comparison.variants else []
        clauses = [phrasing.movement(comparison, variant, measure) for measure in moved]
        why = reasons.reasons(comparison, variant) if comparison.variants else []
        told.append((variant, sentence(clauses) if clauses else "", facts, why))
    return told


def sentence(clauses):
    """Return clauses as one sentence."""
    text = phrasing.joined(clauses)
    return say("{clauses}.", clauses=f"{text[0].upper()}{text[1:]}")


def table(comparison, of, called=phrasing.label):
    """Return [(section, [(label, cells)])] of [(section, measures)], without measures that cannot be stated.

    A cell is (value, error, interval, sureness), the baseline first.
    """
    frame, baseline = comparison.frame, comparison.baseline
    sections = []
    for section, names in of:
        rows = []
        for name in phrasing.stated(comparison, names):
            unit = MEASURES[name].unit_in(frame)
            value, se = comparison.estimate(baseline, name)
            cells = [(*phrasing.apart(value, se, unit), "", "")]
            for variant in comparison.variants:
                d = comparison.difference(variant, name)
                sureness = phrasing.clarity(d)
                text, within = phrasing.apart(d.value, d.se, unit, difference=True), phrasing.range_of(d, unit)
                cells.append((*text, within or (sureness and say(sureness)), sureness))
            rows.append((called(name), cells))
        if rows:
            sections.append((section, rows))
    return sections


def cause_table(comparison):
    """Return `table` by cause, without the causes of which no lender has anything."""
    some = [
        (section, [n for n in shown_in(section) if any(comparison.estimate(v, n).value for v in comparison.ledgers)])
        for section in BY_CAUSE
    ]
    return table(comparison, some, phrasing.short)


def swap_table(comparison):
    """Return [(who, [value in words for each of SWAPS])] of the applicants that the variants swap."""
    rows, frame = [], comparison.frame
    for variant in comparison.swaps:
        for side in comparison.sides(variant):
            other = comparison.reference(variant)
            taker, decliner = (other, variant) if side == "out" else (variant, other)
            cells = []
            for name in phrasing.stated(comparison, shown_in(SWAPS)):
                (value, se), unit = comparison.swapped(variant, side, name), MEASURES[name].unit_in(comparison.frame)
                cells.append(phrasing.count(value, se) if unit == ACCOUNTS else phrasing.apart(value, se, unit))
            who = {"taker": phrasing.quoted(taker, frame), "decliner": phrasing.quoted(decliner, frame)}
            rows.append((say("{taker} takes, {decliner} declines", **who), cells))
    return rows


def account(comparison):
    """Return {unit, rows: [(label, [amount in words for each variant], is a total)]}: profit, then cash."""
    frame, names = comparison.frame, list(comparison.ledgers)
    lines = {**components("profit", ONE_LINE), "profit": 1}
    rows = [
        (phrasing.label(line), [sign * comparison.total(name, line) for name in names], line == "profit")
        for line, sign in lines.items()
    ]
    rows.append((say("less growth of the open balance"), [-comparison.growth(name) for name in names], False))
    rows.append((say("cash, all inflows less all outflows"), [comparison.total(name, "cash") for name in names], True))
    for value in phrasing.stated(comparison, phrasing.BOTH):
        rows.append((phrasing.label(value), [comparison.estimate(name, value).value for name in names], True))
    largest = max(abs(x) for _, amounts, _ in rows for x in amounts)
    # One scale for the column, so that its lines can be added by eye.
    factor, before, after = phrasing.scale_of(largest, 0.0, frame.currency)
    decimals = 0 if factor == 1 else 2 if largest * factor >= 100 else 3
    shown = [
        (name, [phrasing.plain(x * factor, decimals) for x in amounts], is_total)
        for name, amounts, is_total in rows
        if is_total or any(amounts)
    ]
    return {"unit": phrasing.scale_in_words(before, after), "rows": shown}


def standing(comparison):
    """Return [(section, [(label, [value in words for each variant])])] by stage and class."""
    told = [
        (
            section,
            [
                (phrasing.short(name), [phrasing.estimate(comparison, v, name) for v in comparison.ledgers])
                for name in shown_in(section)
            ],
        )
        for section in SUPERVISORS
    ]
    return [*told, (noted("Coverage, IFRS 9: allowance per unit of a stage's balance"), coverage_ratios(comparison))]


def coverage_ratios(comparison):
    """Return [("line, stage 1", [coverage in words for each variant])]: at which each lender provides for its own."""
    every = [comparison.coverage(name) for name in comparison.ledgers]
    return [
        (
            say("{product}, stage {stage}", product=phrasing.product(product), stage=stage + 1),
            [phrasing.per_cent(100 * ratios[PRODUCTS.index(product), stage], 2) for ratios in every],
        )
        for product in comparison.frame.products
        for stage in range(len(STAGES))
    ]


def rate_table(comparison):
    """Return [(lender, product, [(yearly rate in words, above a ceiling)] by grade)]."""
    return [
        (
            phrasing.named(name, comparison.frame),
            phrasing.product(product),
            [(phrasing.per_cent(100 * rate, 1), phrasing.ceiling(rate)) for rate in by_grade],
        )
        for name, own in comparison.rates.items()
        for product, by_grade in own.items()
    ]


def where(comparison):
    """Return [(segment, product, [(lender, [value in words for each of CELLS])])] by segment and product."""
    frame, measures = comparison.frame, shown_in(CELLS)
    found = {(v, m): comparison.by_cell(v, m) for v in comparison.ledgers for m in measures}

    def said(lender, measure, *cell):
        value, se = found[lender, measure][cell]
        return phrasing.number(value, se, MEASURES[measure].unit_in(frame))

    return [
        (
            segment,
            phrasing.product(product),
            [(phrasing.named(v, frame), [said(v, m, segment, product) for m in measures]) for v in comparison.ledgers],
        )
        for segment in frame.segments
        for product in frame.products
    ]


def words_on_it(comparison, told):
    """Return the rows of the glossary's terms in the answer and in the table of numbers, as they are shown."""
    names = [name for section in NUMBERS for name in shown_in(section)]
    said = [*(line for _, sentence, _, why in told for line in (sentence, *why)), *map(phrasing.label, names)]
    words = " ".join([phrasing.verdict(comparison), *comparison.of_choice(), *said])
    return [in_order(row) for row in glossary(names, words)]


def in_force(tables):
    """Return {status: [(key, lender, value with unit, range, source, status)]} of every value, assumptions first."""
    found: dict[str, list[tuple[str, ...]]] = {status: [] for status in STATUSES}
    for one in settings(tables):
        status = status_of(one)
        low, high = one.range if len(one.range) == 2 else ("", "")
        between = phrasing.between(in_words(low), in_words(high)) if one.range else ""
        value = measured(in_words(one.value), one.unit)
        lender, said = phrasing.by_key(one.lender), one.status and say(one.status)
        found[status].append((one.key, lender, value, between, source_words(one.source), said))
    return {status: rows for status, rows in found.items() if rows}


def caveats(comparison):
    """Return sentences on what the numbers are not."""
    frame = comparison.frame
    people = say("People are drawn anew in each replication, so they include who the borrowers happen to be.")
    if frame.tape:
        people = say(
            "The accounts of the opening book are those of the tape in every replication: the errors are those of what "
            "becomes of this book. What the tape does not say of its people is drawn anew in each."
        )
    people = phrasing.given_people(comparison) or people
    taken = say("Parameters are taken as true. How uncertain they are is not in any number here: --doubt draws them.")
    if frame.draws:
        taken = say(
            "The numbers that have a range are drawn {n:,} times, for two replications each; all others are taken as "
            "true. Standard errors hold chance and this doubt, which does not shrink with more draws.",
            n=frame.draws,
        )
    paired = say(
        "Differences are paired: each variant meets the same people and the same random numbers as the baseline."
    )
    said = [taken, paired]
    if frame.replications > 1:
        over = say("Standard errors (±) are over {n} replications of chance.", n=frame.replications)
        missed = say("With several variants and measures, about one interval in twenty misses its true value.")
        said = [phrasing.together((over, people)), taken, phrasing.together((paired, missed))]
    if comparison.variants:
        said.append(
            say(
                "Shares of a book (30+, 90+, rates a year on the balance, coverage) also move by definition, where a "
                "variant shrinks the book or sells, writes off or re-ages late debt: read the amounts beside them. The "
                "page on measures says of each what moves it so."
            )
        )
    if frame.run_off_months:
        left = comparison.estimate(comparison.baseline, "balance_left").value
        slots = {"months": frame.months, "run_off": frame.run_off_months}
        if np.isfinite(left):
            slots["share"] = f"{left * 100:.1f}"
            said.append(
                say(
                    "Flows run over {months} months of lending and {run_off} of run-off; shares are those at the end "
                    "of month {months}. What is still open at the very end, {share} % of the opening balance, counts "
                    "for nothing.",
                    **slots,
                )
            )
        else:
            said.append(
                say(
                    "Flows run over {months} months of lending and {run_off} of run-off; shares are those at the end "
                    "of month {months}. What is still open at the very end counts for nothing.",
                    **slots,
                )
            )
        if frame.run_on_months:
            said.append(
                say(
                    "With the run-on the customers at hand go on for {months} months under the lender's policies, and "
                    "nobody new arrives; then comes the same run-off. Only the net present value with run-on and the "
                    "value of the customers at hand know these months: all else on this page is without them.",
                    months=frame.run_on_months,
                )
            )
    else:
        said.append(
            say(
                "Flows run over {months} months without run-off: what is still open at the end, and what would be "
                "paid, written off, recovered or sold after it, is not seen.",
                months=frame.months,
            )
        )
    if frame.replications >= SHARED_VARIANCE_REPLICATIONS:
        share = comparison.shared_variance(comparison.baseline, SHARED)
        if np.isfinite(share):
            said.append(
                say(
                    "About {share} % of the variance of the baseline's net loss is the common factor's, which all "
                    "borrowers share; the rest is their own and would shrink with a larger book.",
                    share=f"{np.clip(share, 0, 1) * 100:.0f}",
                )
            )
    return said


def flat(manifest, prefix=""):
    """Return [(key, text)] of a manifest, inner keys joined by dots."""
    lines = []
    for key, value in manifest.items():
        if isinstance(value, dict):
            lines += flat(value, f"{prefix}{key}.")
        else:
            lines.append((prefix + key, "–" if value is None else str(value)))
    return lines
