"""Numbers and findings in words, for the page and the terminal alike."""

import math

from simulator.analysis.estimates import samples_for
from simulator.analysis.measures import ACCOUNTS, MEASURES, RATIO, SHARE, answer
from simulator.analysis.measures.loss import CAUSE_WORDS
from simulator.scenario.prices import CEILINGS, CLOSE, told

CAUSE_LABELS = {cause: words.label for cause, words in CAUSE_WORDS.items()}
MINUS = "−"
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
NO_BREAK = "\u00a0"  # a space at which no line breaks
NOTHING = 2  # standard errors within which a number is nearly nothing, and no per cent of it says anything
BOTH = ("npv", "npv_run_on")  # the same value by two horizons: told in one scale
GOES_ON = "when the customers at hand go on"
POINT = 0.0001  # one basis point
FOLD = 3  # times the base from which a change in per cent is no longer read


def label(measure):
    """Return the name in words of a measure, or of a line of the ledger that is none."""
    words = MEASURES[measure].label if measure in MEASURES else measure.replace("_", " ")
    return words.replace(" %", f"{NO_BREAK}%")


def short(measure):
    """Return the name in words of a measure under a heading that says the rest."""
    return MEASURES[measure].short


def calendar(frame, month: int) -> str:
    """Return the calendar month of a month of a run that says which one its first is: "Jan"."""
    return MONTHS[(frame.start_month + month - 2) % 12][:3]


def setting(frame):
    """Return in one clause how large and how long a run is."""
    run_off = f" and {frame.run_off_months} of run-off" if frame.run_off_months else ""
    begins = "" if frame.start_month is None else f" from {MONTHS[frame.start_month - 1]} on"
    months = f"{frame.months} month{plural(frame.months)} of lending{begins}{run_off}"
    if frame.run_on_months:
        months += f" (again with {frame.run_on_months} of run-on between them)"
    people = f"{frame.borrowers:,} borrower{plural(frame.borrowers)}"
    draws = f" under {frame.draws:,} draws of the numbers in doubt" if frame.draws else ""
    return f"{people}, {months}, {frame.replications:,} replication{plural(frame.replications)}{draws}"


def plural(count):
    """Return the ending of a noun."""
    return "" if count == 1 else "s"


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
        within = f"1{NO_BREAK}%" if width is None else f"1{NO_BREAK}bp"
        said.append(f"the {label(name)} to ±{NO_BREAK}{within}: {count:,}")
    return f"Replications that 95 % intervals of the baseline would take: {'; '.join(said)}." if said else ""


def without_errors(frame):
    """Return what must be said of a single replication; else nothing."""
    if frame.replications > 1:
        return ""
    return "One replication has no standard error: each number is of this one draw."


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
    return [f"Not stated: {'; '.join(names)}: {reason}." for reason, names in by_reason.items()]


def plain(value, decimals):
    """Return a number with thousands separators and a true minus sign."""
    text = f"{value:,.{decimals}f}"
    return text.replace("-", MINUS) if float(text.replace(",", "")) else text.lstrip("-")


def scale_of(value, se, unit, difference=False):
    """Return (factor, text before, text after) that make a value of `unit` easy to read.

    What an amount or rate is per (borrower, account, year) is left to the measure's label.
    """
    if unit.startswith(SHARE):
        return 100.0, "", NO_BREAK + ("pp" if difference else "%")
    if unit == ACCOUNTS:
        return 1.0, "", f"{NO_BREAK}{unit}"
    if unit == RATIO:
        return 1.0, "", ""
    before = unit.partition(" ")[0] + NO_BREAK
    largest = max(abs(value), se if math.isfinite(se) else 0)
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if largest >= size:
            return 1 / size, before, NO_BREAK + word
    return 1.0, before, ""


def scale_in_words(before, after):
    """Return "CNY million" or "percentage points" for the head of an axis or a column."""
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


def interval(comparison, variant, measure):
    """Return the 95 % interval of a difference in words, in the scale of `difference`; empty where there is none."""
    return range_of(comparison.difference(variant, measure), MEASURES[measure].unit_in(comparison.frame))


def range_of(d, unit):
    """Return the interval of a difference in words, in the scale that it is told in; empty where there is none."""
    if not math.isfinite(d.low) or d.low == d.high:
        return ""
    factor, _, _ = scale_of(d.value, d.se, unit, True)
    decimals = decimals_of(d.value * factor, d.se * factor)
    return f"{plain(d.low * factor, decimals)} to {plain(d.high * factor, decimals)}"


def called(comparison, variant):
    """Return a variant's name, with whom it is compared with where that is not the baseline."""
    other = comparison.reference(variant)
    return variant if other == comparison.baseline else f"{variant}, against {other}"


def compared_with(comparison):
    """Return what is to be said of whom changes are from, where some are not from the baseline; else nothing."""
    return ", or from the variant that it stands against" if comparison.against else ""


def clarity(d):
    """Return in two or three words how sure the sign of a difference is; empty without a standard error."""
    if not math.isfinite(d.value):
        return "not defined"
    if d.value == 0 and (d.se == 0 or not math.isfinite(d.se)):
        return "exactly equal"
    if not math.isfinite(d.se):
        return ""
    return "clear" if d.is_clear else "within chance"


def movement(comparison, variant, measure):
    """Return one clause: whether a measure rises or falls under a variant, and by how much."""
    d, name = comparison.difference(variant, measure), label(measure)
    if not math.isfinite(d.value):
        return f"{name} is not defined"
    if d.value == 0 and clarity(d) == "exactly equal":
        return f"{name} is exactly the same"
    if clarity(d) == "within chance":
        return f"{name} does not move clearly"
    moves = f"{name} {'rises' if d.value > 0 else 'falls'}"
    (base, se), unit = comparison.estimate(comparison.reference(variant), measure), MEASURES[measure].unit
    if unit == SHARE:
        decimals = min(4, max(2, 1 - math.floor(math.log10(abs(d.value * 100)))))  # so that the change shows
        before, after = (plain(share * 100, decimals) for share in (base, base + d.value))
        if before == after:
            return f"{moves} by next to nothing"
        return f"{moves} from {before}{NO_BREAK}% to {after}{NO_BREAK}%"
    # Net present value is a small difference of large sums: a per cent of it says nothing.
    share = "" if measure in BOTH else per_cent_of(d.value, base, se)
    return f"{moves} by {share}" if share else moves


def per_cent_of(change, base, se):
    """Return "3.4 %", the size of a change by its base; empty where that says nothing.

    That is of a base at or below 0 or, by its standard error `se`, nearly 0, of a change of many times the base, and of
    one that would read 0.0 %.
    """
    if not base > 0 or base <= NOTHING * se or abs(change) > FOLD * base:
        return ""
    percent = plain(100 * abs(change) / base, 1)
    return f"{percent}{NO_BREAK}%" if percent != "0.0" else ""


def verdict(comparison):
    """Return the winner by net present value and how sure that is, or why there is none.

    In one sentence; where two horizons have different leaders a second one says what sets them apart.
    """
    if not comparison.variants:
        return ""
    found = comparison.verdict()
    said = (verdict_of(found, len(comparison.ledgers), comparison.frame), _apart(comparison, found))
    return " ".join(filter(None, said))


def verdict_of(found, lenders, frame):
    """Return the same of a `Verdict` on so many lenders, without what sets the horizons apart."""
    given = "" if frame.redraw_people else "Given these people: "
    ends = f"when lending ends after {frame.months} month{plural(frame.months)}"
    if not found.winner:
        return f"{given}No winner is named: {_unnamed(found, frame, ends)}."
    best, lead = "Highest net present value", f"{_lead(found, frame)}, the next best"
    if found.run_on:
        gap = _lead(found.run_on, frame).removeprefix(f"{found.winner}, ")
        best, lead = f"{best} by both horizons", f"{_lead(found, frame)} {ends} and {gap} {GOES_ON}"
    goes = "chance and the ranges go" if frame.draws else "chance goes"
    sure = f"as far as {goes}, {sureness(found.probability)} sure that it is the best"
    return f"{given}{best}: {lead}; {sure} of {lenders}."


def _unnamed(found, frame, ends):
    """Return why no winner is named, with the leads of both horizons where there are two; `ends` is the first's."""
    if not found.run_on:
        return _lead(found, frame)
    (why, of), both = (found.reason, _lead), (found.run_off, found.run_on)
    if why == found.run_off.reason:  # both say the same
        why, of = f"{why} by either horizon", _gap
    told = [of(one, frame) for one in both]
    return f"{why}: {told[0]} {ends}; {told[1]} {GOES_ON}" if all(told) else found.reason


def _lead(found, frame):
    """Return "X, by CNY 1,234 ± 56 over Y", or why no winner is named and by how much one leads."""
    gap = _gap(found, frame)
    if found.winner:
        return f"{found.winner}, by {gap} over {found.second}"
    return f"{found.reason}{f' ({gap})' if gap else ''}"


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
    said = f"After month {frame.months} customers bring {brought} more by going on under {goes_on} than under {ends}"
    closed = comparison.difference(ends, "n_closures_good", "lending", against=goes_on)
    if closed.is_clear and closed.value > 0:
        more = NO_BREAK.join(filter(None, count(closed.value, closed.se)))
        said += f", which has by then closed {more} more good ones (the better half by quality)"
    return f"{said}."


def sureness(probability):
    """Return "at least 99.3 %": rounded down, and never all of it, since chance is never quite excluded."""
    percent = min(math.floor(probability * 1000) / 10, 99.9)
    return f"{'more than' if percent == 99.9 else 'at least'} {percent:.4g}{NO_BREAK}%"


def rates(comparison):
    """Return what the lenders charge a year, in words; empty where it is not known."""
    said = {name: told(own) for name, own in comparison.rates.items()}
    first = next(iter(said.values()), "")
    others = [f"{name}: {words}" for name, words in said.items() if words != first]
    return f"Interest a year by grade: {'; '.join([first, *others])}." if first else ""


def ceiling(rate):
    """Return above which ceiling a yearly rate is, in words; empty where it is above none."""
    above = [ceiling for ceiling in CEILINGS if rate > ceiling + CLOSE]
    return f"above {100 * above[-1]:.0f}{NO_BREAK}%" if above else ""


def given_people(comparison):
    """Return what must be said where the people are the same in every replication of a drawn book; else nothing."""
    if comparison.frame.redraw_people:
        return ""
    if comparison.frame.replications == 1:
        return "Given these people: all numbers are of one draw of borrowers."
    return (
        "Given these people: the same borrowers live in every replication, so errors and intervals leave out who "
        "the borrowers happen to be."
    )
