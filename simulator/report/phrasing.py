"""Numbers and findings in words, for the page and the terminal alike."""

import math

from simulator.analysis.estimates import samples_for
from simulator.analysis.measures import ACCOUNTS, MEASURES, RATIO, SHARE, answer
from simulator.analysis.measures.loss import CAUSE_WORDS
from simulator.language.catalogue import CHINESE, ENGLISH, noted, retold, say, spoken
from simulator.scenario import titles
from simulator.scenario.prices import CEILINGS, CLOSE, told
from simulator.scenario.scenario import BASELINE

CAUSE_LABELS = {cause: words.label for cause, words in CAUSE_WORDS.items()}
MINUS = "−"
MONTHS = (
    noted("January"), noted("February"), noted("March"), noted("April"), noted("May"), noted("June"), noted("July"),
    noted("August"), noted("September"), noted("October"), noted("November"), noted("December"),
)  # fmt: skip
PRODUCT_WORDS = {"line": noted("line"), "loan": noted("loan")}
CURRENCY_WORDS = {"CNY": "元"}  # of currencies with a word of their own in Chinese; others keep their code
WORLD = "world "  # before the name of a world whose settings are told
NO_BREAK = "\u00a0"  # a space at which no line breaks
NOTHING = 2  # standard errors within which a number is nearly nothing, and no per cent of it says anything
BOTH = ("npv", "npv_run_on")  # the same value by two horizons: told in one scale
POINT = 0.0001  # one basis point
FOLD = 3  # times the base from which a change in per cent is no longer read


def label(measure):
    """Return the name in words of a measure, or of a line of the ledger that is none."""
    words = say(MEASURES[measure].label) if measure in MEASURES else measure.replace("_", " ")
    return words.replace(" %", f"{NO_BREAK}%")


def cause(name):
    """Return in words why a debt is late."""
    return say(CAUSE_LABELS[name])


def product(name):
    """Return the name of a product in words."""
    return say(PRODUCT_WORDS[name])


def named(lender, frame):
    """Return what a lender is called in legends and heads: a variant by its title, if it has one."""
    return frame.names.get(lender) or by_key(lender)


def quoted(lender, frame):
    """Return what a lender is called in a sentence: its title in quotation marks."""
    return titles.quoted(named(lender, frame), by_key(lender))


def all_named(comparison):
    """Return what the lenders of a comparison are called, in their order."""
    return [named(name, comparison.frame) for name in comparison.ledgers]


def by_key(lender):
    """Return a lender's key as it is shown beside settings, which the user types; the baseline has none.

    It may be "world NAME".
    """
    world = lender.removeprefix(WORLD)
    if world != lender:
        return say("world {world}", world=world)
    return say("baseline") if lender == BASELINE else lender


def joined(clauses):
    """Return clauses as parts of one sentence."""
    return say("; ").join(clauses)


def in_a_row(names):
    """Return names or short clauses one after the other."""
    return say(", ").join(names)


def names_in_a_row(names):
    """Return names one after the other, as Chinese lists them: with its own comma."""
    return say(", |of names").join(names)


def together(sentences):
    """Return sentences, but for empty ones, one after the other."""
    return gap().join(filter(None, sentences))


def gap():
    """Return what stands between two sentences: a space, of which Chinese needs none."""
    return " " if spoken() == ENGLISH else ""


def short(measure):
    """Return the name in words of a measure under a heading that says the rest."""
    return say(MEASURES[measure].short)


def calendar(frame, month: int) -> str:
    """Return the calendar month of a month of a run that says which one its first is: "Jan"."""
    name = say(MONTHS[(frame.start_month + month - 2) % 12])
    return name[:3] if spoken() == ENGLISH else name


def made_by(author: str | None, day: str | None) -> str:
    """Return who asked and when, "Risk Analytics, 1 December 2026", of an author's name and a day as YYYY-MM-DD."""
    told = [author] if author else []
    if day:
        year, month, number = map(int, day.split("-"))
        told.append(say("{day} {month} {year}", day=number, month=say(MONTHS[month - 1]), year=year))
    return in_a_row(told)


def setting(frame):
    """Return in one clause how large and how long a run is."""
    months = say("{n} month of lending" if frame.months == 1 else "{n} months of lending", n=frame.months)
    if frame.start_month is not None:
        months = say("{lending} from {month} on", lending=months, month=say(MONTHS[frame.start_month - 1]))
    if frame.run_off_months:
        months = say("{lending} and {n} of run-off", lending=months, n=frame.run_off_months)
    if frame.run_on_months:
        months = say("{months} (again with {n} of run-on between them)", months=months, n=frame.run_on_months)
    people = say("{n:,} borrower" if frame.borrowers == 1 else "{n:,} borrowers", n=frame.borrowers)
    runs = say("{n:,} replication" if frame.replications == 1 else "{n:,} replications", n=frame.replications)
    if frame.draws:
        runs = say("{replications} under {n:,} draws of the numbers in doubt", replications=runs, n=frame.draws)
    return in_a_row((people, months, runs))


def needed(comparison):
    """Return in a sentence how many replications a rounder precision of the baseline would take.

    Of its net present value, and of the largest share among the measures of the answer; empty without standard errors.
    """
    said, frame = [], comparison.frame
    if frame.replications < 2 or frame.draws:
        return ""
    asked: list[tuple[str, float | None]] = [(name, None) for name in stated(comparison, BOTH[:1])]
    asked += [(name, POINT) for name in stated(comparison, answer(frame)) if MEASURES[name].unit.startswith(SHARE)][:1]
    for name, width in asked:
        (value, se), (low, high) = (of(comparison.baseline, name) for of in (comparison.estimate, comparison.interval))
        wanted = abs(value) / 100 if width is None else width
        if not (math.isfinite(se) and se > 0 and wanted > 0 and abs(value) > NOTHING * se):
            continue
        count = samples_for(wanted, max(high - value, value - low), frame.replications)
        within = per_cent(1, 0) if width is None else say("1\u00a0bp")
        said.append(say("the {measure} to ±\u00a0{within}: {n:,}", measure=label(name), within=within, n=count))
    if not said:
        return ""
    return say("Replications that 95 % intervals of the baseline would take: {counts}.", counts=joined(said))


def without_errors(frame):
    """Return what must be said of a single replication; else nothing."""
    if frame.replications > 1:
        return ""
    return say("One replication has no standard error: each number is of this one draw.")


def stated(comparison, measures):
    """Return those of `measures` that the run can state."""
    return [name for name in measures if name in comparison.measures and not comparison.unstated(name)]


def in_one_scale(comparison, measure):
    """Return the measures that stand beside each other in one scale, `measure` among them: a value by both horizons."""
    return stated(comparison, BOTH) if measure in BOTH else [measure]


def not_stated(comparison, measures):
    """Return a sentence for each reason why some of `measures` are not stated."""
    by_reason: dict[str, list[str]] = {}
    for name in measures:
        if name in comparison.measures and (reason := comparison.unstated(name)):
            by_reason.setdefault(reason, []).append(label(name))
    return [
        say("Not stated: {measures}: {reason}.", measures=joined(names), reason=retold(reason))
        for reason, names in by_reason.items()
    ]


def plain(value, decimals):
    """Return a number with thousands separators and a true minus sign."""
    text = f"{value:,.{decimals}f}"
    return text.replace("-", MINUS) if float(text.replace(",", "")) else text.lstrip("-")


def scale_of(value, se, unit, difference=False):
    """Return (factor, text before, text after) that make a value of `unit` easy to read.

    What an amount or rate is per (borrower, account, year) is left to the measure's label.
    """
    if unit.startswith(SHARE):
        return 100.0, "", say("\u00a0pp") if difference else say("\u00a0%")
    if unit == ACCOUNTS:
        return 1.0, "", say("\u00a0accounts")
    if unit == RATIO:
        return 1.0, "", ""
    currency = unit.partition(" ")[0]
    largest = max(abs(value), se if math.isfinite(se) else 0)
    if spoken() == CHINESE:
        return _scale_in_chinese(largest, currency)
    before = currency + NO_BREAK
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if largest >= size:
            return 1 / size, before, NO_BREAK + word
    return 1.0, before, ""


def _scale_in_chinese(largest, currency):
    """Return the same of an amount in ten thousands or hundred millions: "34.4 万元", "34.4 万 USD"."""
    (size, many), word = ten_thousands(largest), CURRENCY_WORDS.get(currency)
    unit = f"{many}{word or NO_BREAK + currency}" if many else word or currency
    return 1 / size, "", NO_BREAK + unit


def ten_thousands(amount):
    """Return the unit in which Chinese tells an amount, and its word: (1e4, "万")."""
    return next(((size, word) for size, word in ((1e8, "亿"), (1e4, "万")) if abs(amount) >= size), (1.0, ""))


def per_cent(percent, decimals):
    """Return per cent with so many decimals in words."""
    return plain(percent, decimals) + say("\u00a0%")


def amount(value, decimals, currency):
    """Return an amount with its currency."""
    if spoken() == CHINESE:
        return f"{plain(value, decimals)}{NO_BREAK}{CURRENCY_WORDS.get(currency, currency)}"
    return f"{currency}{NO_BREAK}{plain(value, decimals)}"


def unit_in_words(unit):
    """Return a unit of a measure as the head of a column has it: "%", "CNY per account"."""
    if unit.startswith(SHARE):
        return "%"
    if unit == ACCOUNTS:
        return say("\u00a0accounts").strip()
    currency, _, per = unit.partition(" per ")
    currency = CURRENCY_WORDS.get(currency, currency) if spoken() == CHINESE else currency
    return say(f"{{currency}} per {per}", currency=currency) if per else say(currency)


def scale_in_words(before, after):
    """Return "CNY million" or "percentage points" for the head of an axis or a column."""
    if spoken() != ENGLISH:
        return (before + after).strip()
    return " ".join((before + after).split()).replace("pp", "percentage points")


def decimals_of(value, se):
    """Return the decimals to show: two digits of the standard error, or four of the value if there is none."""
    if math.isfinite(se) and se > 0:
        return min(4, max(0, 1 - math.floor(math.log10(se))))
    return min(4, max(0, 3 - math.floor(math.log10(abs(value))))) if value else 0


def parts(value, se, unit, difference=False):
    """Return ("CNY 1.234", "0.056", " million"): value, standard error or "", and the scale; signed if a difference."""
    factor, before, after = scale_of(value, se, unit, difference)
    value, se = value * factor, se * factor
    decimals = decimals_of(value, se)
    value = round(value, decimals)  # so that what shows as zero has no sign
    sign = ("+" if value > 0 else MINUS if value < 0 else "") if difference else (MINUS if value < 0 else "")
    error = plain(se, decimals) if math.isfinite(se) and se > 0 else ""
    return f"{sign}{before}{plain(abs(value), decimals)}", error, after


def number(value, se, unit, difference=False):
    """Return "CNY 1.234 ± 0.056 million", or a dash where the value is not defined."""
    if not math.isfinite(value):
        return "–"
    head, error, after = parts(value, se, unit, difference)
    return f"{head}{NO_BREAK}±{NO_BREAK}{error}{after}" if error else head + after


def apart(value, se, unit, difference=False):
    """Return ("CNY 1.234 million", "± 0.056"): value and standard error for two lines."""
    if not math.isfinite(value):
        return "–", ""
    head, error, after = parts(value, se, unit, difference)
    return head + after, f"±{NO_BREAK}{error}" if error else ""


def count(value, se, difference=False):
    """Return ("1,234.5", "± 0.6") of a number of accounts: whole where it does not vary, to a tenth from ten on."""
    decimals = 0 if not se > 0 else min(1 if abs(value) >= 10 else 4, decimals_of(value, se))
    sign = "+" if difference and round(value, decimals) > 0 else ""
    return sign + plain(value, decimals), f"±{NO_BREAK}{plain(se, decimals)}" if se > 0 else ""


def estimate(comparison, variant, measure):
    """Return a measure of a variant in words."""
    value, se = comparison.estimate(variant, measure)
    return number(value, se, MEASURES[measure].unit_in(comparison.frame))


def difference(comparison, variant, measure):
    """Return a variant's paired difference from its reference in words."""
    d = comparison.difference(variant, measure)
    return number(d.value, d.se, MEASURES[measure].unit_in(comparison.frame), difference=True)


def range_of(d, unit):
    """Return the interval of a difference in words, in the scale that it is told in; empty where there is none."""
    if not math.isfinite(d.low) or d.low == d.high:
        return ""
    factor, _, _ = scale_of(d.value, d.se, unit, True)
    decimals = decimals_of(d.value * factor, d.se * factor)
    return between(plain(d.low * factor, decimals), plain(d.high * factor, decimals))


def between(low, high):
    """Return the ends of an interval in words."""
    return say("{low} to {high}", low=low, high=high)


def called(comparison, variant, write=named):
    """Return a variant's name, with whom it is compared with where that is not the baseline; `write` says each."""
    other = comparison.reference(variant)
    if other == comparison.baseline:
        return write(variant, comparison.frame)
    slots = {"lender": write(variant, comparison.frame), "other": write(other, comparison.frame)}
    return say("{lender}, against {other}", **slots)


def compared_with(comparison):
    """Return what is to be said of whom changes are from, where some are not from the baseline; else nothing."""
    return say(", or from the variant that it stands against") if comparison.against else ""


def clarity(d):
    """Return in two or three words, said when they are shown, how sure the sign of a difference is.

    Empty without a standard error.
    """
    if not math.isfinite(d.value):
        return noted("not defined")
    if d.value == 0 and (d.se == 0 or not math.isfinite(d.se)):
        return noted("exactly equal")
    if not math.isfinite(d.se):
        return ""
    return noted("clear") if d.is_clear else noted("within chance")


def movement(comparison, variant, measure):
    """Return one clause: whether a measure rises or falls under a variant, and by how much."""
    d, name = comparison.difference(variant, measure), label(measure)
    if not math.isfinite(d.value):
        return say("{measure} is not defined", measure=name)
    if d.value == 0 and clarity(d) == "exactly equal":
        return say("{measure} is exactly the same", measure=name)
    if clarity(d) == "within chance":
        return say("{measure} does not move clearly", measure=name)
    (base, se), unit, rises = (
        comparison.estimate(comparison.reference(variant), measure),
        MEASURES[measure].unit,
        d.value > 0,
    )
    if unit == SHARE:
        decimals = min(4, max(2, 1 - math.floor(math.log10(abs(d.value * 100)))))  # so that the change shows
        before, after = (plain(share * 100, decimals) for share in (base, base + d.value))
        if before == after:
            return say(
                "{measure} rises by next to nothing" if rises else "{measure} falls by next to nothing", measure=name
            )
        return say(
            "{measure} rises from {before}\u00a0% to {after}\u00a0%"
            if rises
            else "{measure} falls from {before}\u00a0% to {after}\u00a0%",
            measure=name,
            before=before,
            after=after,
        )
    # Net present value is a small difference of large sums: a per cent of it says nothing.
    share = "" if measure in BOTH else per_cent_of(d.value, base, se)
    if not share:
        return say("{measure} rises" if rises else "{measure} falls", measure=name)
    return say("{measure} rises by {by}" if rises else "{measure} falls by {by}", measure=name, by=share)


def per_cent_of(change, base, se):
    """Return "3.4 %", the size of a change by its base; empty where that says nothing.

    That is of a base at or below 0 or, by its standard error `se`, nearly 0, of a change of many times the base, and of
    one that would read 0.0 %.
    """
    if not base > 0 or base <= NOTHING * se or abs(change) > FOLD * base:
        return ""
    percent = plain(100 * abs(change) / base, 1)
    return percent + say("\u00a0%") if percent != "0.0" else ""


def verdict(comparison):
    """Return the winner by net present value and how sure that is, or why there is none.

    In one sentence; where two horizons have different leaders a second one says what sets them apart.
    """
    if not comparison.variants:
        return ""
    found = comparison.verdict()
    said = (verdict_of(found, len(comparison.ledgers), comparison.frame), _apart(comparison, found))
    return together(said)


def verdict_of(found, lenders, frame):
    """Return the same of a `Verdict` on so many lenders, without what sets the horizons apart."""
    given = "" if frame.redraw_people else say("Given these people: ")
    ends = say(
        "when lending ends after {n} month" if frame.months == 1 else "when lending ends after {n} months",
        n=frame.months,
    )
    if not found.winner:
        return given + say("No winner is named: {why}.", why=_unnamed(found, frame, ends))
    slots = {"lead": _lead(found, frame), "sure": sureness(found.probability), "lenders": lenders}
    if found.run_on:
        slots |= {"ends": ends, "gap": _over(found.run_on, frame)}
        return given + say(
            "Highest net present value by both horizons: {lead} {ends} and {gap} when the customers at hand go on; as "
            "far as chance and the ranges go, {sure} sure that it is the best of {lenders}."
            if frame.draws
            else "Highest net present value by both horizons: {lead} {ends} and {gap} when the customers at hand go "
            "on; as far as chance goes, {sure} sure that it is the best of {lenders}.",
            **slots,
        )
    return given + say(
        "Highest net present value: {lead}, the next best; as far as chance and the ranges go, {sure} sure that it is "
        "the best of {lenders}."
        if frame.draws
        else "Highest net present value: {lead}, the next best; as far as chance goes, {sure} sure that it is the best "
        "of {lenders}.",
        **slots,
    )


def _unnamed(found, frame, ends):
    """Return why no winner is named, with the leads of both horizons where there are two; `ends` is the first's."""
    if not found.run_on:
        return _lead(found, frame)
    (why, of), both = (retold(found.reason), _lead), (found.run_off, found.run_on)
    if found.reason == found.run_off.reason:  # both say the same
        why, of = say("{why} by either horizon", why=why), _gap
    first, second = (of(one, frame) for one in both)
    if not (first and second):
        return retold(found.reason)
    return say(
        "{why}: {first} {ends}; {second} when the customers at hand go on",
        why=why,
        first=first,
        ends=ends,
        second=second,
    )


def _lead(found, frame):
    """Return "X, by CNY 1,234 ± 56 over Y", or why no winner is named and by how much one leads."""
    if found.winner:
        return say("{winner}, {gap}", winner=quoted(found.winner, frame), gap=_over(found, frame))
    gap, why = _gap(found, frame), retold(found.reason)
    return say("{why} ({gap})", why=why, gap=gap) if gap else why


def _over(found, frame):
    """Return "by CNY 1,234 ± 56 over Y"."""
    return say("by {gap} over {second}", gap=_gap(found, frame), second=quoted(found.second, frame))


def _gap(found, frame):
    """Return the difference of a verdict in words; empty where it has none, or no standard error."""
    d = found.difference
    return number(d.value, d.se, frame.currency) if d and math.isfinite(d.se) and d.value else ""


def _apart(comparison, found):
    """Return what sets two horizons with different leaders apart, in a sentence; else nothing."""
    if not found.run_on or found.run_off.leader == found.run_on.leader:
        return ""
    (ends, goes_on), frame = (found.run_off.leader, found.run_on.leader), comparison.frame
    d = comparison.difference(goes_on, "customer_value", against=ends)
    if not math.isfinite(d.value):  # of a folder that does not keep it
        return ""
    brought = number(d.value, d.se, frame.currency)
    slots = {"n": frame.months, "more": brought, "first": quoted(goes_on, frame), "second": quoted(ends, frame)}
    closed = comparison.difference(ends, "n_closures_good", "lending", against=goes_on)
    if closed.is_clear and closed.value > 0:
        slots["closed"] = NO_BREAK.join(filter(None, count(closed.value, closed.se)))
        return say(
            "After month {n} customers bring {more} more by going on under {first} than under {second}, which has by "
            "then closed {closed} more good ones (the better half by quality).",
            **slots,
        )
    return say("After month {n} customers bring {more} more by going on under {first} than under {second}.", **slots)


def sureness(probability):
    """Return "at least 99.3 %": rounded down, and never all of it, since chance is never quite excluded."""
    percent = min(math.floor(probability * 1000) / 10, 99.9)
    return say(
        "more than {percent}\u00a0%" if percent == 99.9 else "at least {percent}\u00a0%", percent=f"{percent:.4g}"
    )


def rates(comparison):
    """Return what the lenders charge a year, in words; empty where it is not known."""
    said = {quoted(name, comparison.frame): told(own) for name, own in comparison.rates.items()}
    first = next(iter(said.values()), "")
    others = [say("{name}: {words}", name=name, words=words) for name, words in said.items() if words != first]
    return say("Interest a year by grade: {rates}.", rates=joined([first, *others])) if first else ""


def ceiling(rate):
    """Return above which ceiling a yearly rate is, in words; empty where it is above none."""
    above = [ceiling for ceiling in CEILINGS if rate > ceiling + CLOSE]
    return say("above {rate}", rate=per_cent(100 * above[-1], 0)) if above else ""


def given_people(comparison):
    """Return what must be said where the people are the same in every replication of a drawn book; else nothing."""
    if comparison.frame.redraw_people:
        return ""
    if comparison.frame.replications == 1:
        return say("Given these people: all numbers are of one draw of borrowers.")
    return say(
        "Given these people: the same borrowers live in every replication, so errors and intervals leave out who "
        "the borrowers happen to be."
    )
