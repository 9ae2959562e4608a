"""What the estimates of a panel say, in sentences for the page and the terminal."""

from simulator.estimation.roll_rates.factor import Factor
from simulator.estimation.roll_rates.memory import ERROR_RATE, Homogeneity, Memory
from simulator.estimation.roll_rates.rolls import POOLED, RollMatrix
from simulator.estimation.roll_rates.survival import Vintage

FEW_MONTHS = 12  # below, the prior is said to decide; simulated: the interval then is about that of the prior


def factor_words(factor: Factor) -> list[str]:
    """Return what is known of the common factor: months, data alone, data with the prior, rows that move alone."""
    n, level = len(factor.months), _percent(factor.level)
    pairs = f"{n} month pair{'' if n == 1 else 's'}"
    prior, posterior, likelihood = factor.prior_range, factor.posterior, factor.likelihood
    if likelihood is None:
        said = [f"{pairs}: nothing can be said of how much months differ; rho is the prior's, {_between(prior)}."]
    else:
        upper = f"{likelihood.high:.4f}" if factor.bounded else f"no upper bound below {factor.rho[-1]:.1f}"
        said = [
            f"The months alone ({pairs}) put rho at {likelihood.value:.4f}, {level} interval {likelihood.low:.4f} to "
            f"{upper}.",
            f"With the prior ({_between(prior)}) it is {_between(posterior)}.",
        ]
        if n < FEW_MONTHS:
            said.append(
                f"{n} months say little about rho: most of this interval is the prior's, which is an assumption."
            )
        if likelihood.low == 0:
            said.append("The months alone do not exclude that there is no common factor; the prior does.")
    said.append(
        f"How long the factor lasts (persistence) is {'the prior' if n < FEW_MONTHS else 'prior and data'}: "
        f"{_between(factor.persistence, 2)}. The level of z, the same in all months, is not known from the panel."
    )
    if factor.evidence.dispersion > 1.5:
        said.append(
            f"Rows move between months on their own too, not together: {factor.evidence.dispersion:.1f} times what the "
            "sampling variation of accounts explains. One common factor is then a poor picture of the months; the "
            "evidence for it is divided by that number, and the intervals of pooled rows are widened by each row's own."
        )
    return said


def memory_words(memory: Memory, by: str = "", most: int = 6) -> list[str]:
    """Return whether the state before tells the next, and paths that say so: certain ones, then the strongest.

    `by` says which rows the scenario has beside those of states: "that remember", say.
    """
    rejected = [row.state for row in memory.rows if row.rejected]
    tested = [row.state for row in memory.rows if row.test.degrees]
    if not tested:
        return ["Memory cannot be tested: no state has accounts that came from different states and went on."]
    if not rejected:
        return [
            f"No memory found beyond the present state: {_names(tested)} tested, {_percent(ERROR_RATE)} chance of any "
            "false alarm."
        ]
    mends = f"the rows {by} mend it as far as they forecast better"
    if not by:
        mends = "states that remember (a state of its own after a cure, say) would mend it"
    said = [
        f"The next state depends on where an account came from, not on its state alone, in {_names(rejected)}. "
        "A matrix forecasts the sum of accounts better than single ones, and is off where the mix of what they came "
        f"from changes; {mends}."
    ]
    everyone = [s for s in memory.surprises if s.seen == s.of]
    others = sorted((s for s in memory.surprises if not s.certain), key=lambda s: s.p)
    for s in (everyone + others)[:most]:
        seen = f"in all {s.of:,} cases" if s.seen == s.of else f"in {s.seen:,} of {s.of:,} cases"
        said.append(
            f"After {s.before} then {s.state}, the next month is {s.after} {seen}; without memory {s.expected:,.0f}."
        )
    return said


def homogeneity_words(homogeneity: Homogeneity) -> list[str]:
    """Return which rows differ between months and what that means for a forecast."""
    rejected = [row.state for row in homogeneity.rows if row.rejected]
    tested = [row.state for row in homogeneity.rows if row.test.degrees]
    rate = f"{_percent(ERROR_RATE)} chance of any false alarm"
    if not tested:
        return ["Whether months differ cannot be tested: no row was seen to move in two months."]
    if not rejected:
        beyond = "beyond the sampling variation of accounts"
        return [f"No row differs between months {beyond} ({_names(tested)} tested, {rate})."]
    return [
        f"Months differ beyond the sampling variation of accounts in the rows of {_names(rejected)} ({rate}). The next "
        "month will differ too: intervals by accounts alone are too narrow, so those with the common factor and the "
        "rows' own movement are the ones to use, and a pooled matrix is a mean, not a promise for any month."
    ]


def thin_words(matrix: RollMatrix) -> list[str]:
    """Return the rows that rest on few accounts and what was done."""
    where = f"{matrix.product}, {matrix.segment}" + (f", grade {matrix.grade}" if matrix.grade else "")
    when = "all months" if matrix.month_from == POOLED else f"{matrix.month_from} to {matrix.month_to}"
    said = []
    for r, n in matrix.thin.items():
        done = (
            f"topped up with {whose}" if (whose := matrix.topped_up.get(r)) else "left as it is: no others to top it up"
        )
        done = done if n or r in matrix.topped_up else "no row: nobody to learn from"
        said.append(f"{where}, {when}: {matrix.states[r].name} has {n:,} account{'' if n == 1 else 's'}; {done}.")
    return said


def vintage_words(vintage: Vintage) -> list[str]:
    """Return what the curve shows at its end, who is left out, and whether age is age."""
    curve, spells = vintage.incidence, vintage.spells
    happened = "were written off" if vintage.event == "written_off" else f"were {vintage.event} days past due"
    clock = "on book" if spells.aged else "on the tape"
    said = [
        f"By month {curve.age[-1]} {clock}, {100 * curve.share[-1]:.2f} % {happened} "
        f"({100 * curve.low[-1]:.2f} to {100 * curve.high[-1]:.2f})."
    ]
    if not spells.aged:
        said.append(
            "The tape does not say when accounts were opened: months count from its first month, so this is no vintage "
            "curve."
        )
    if spells.unknown:
        said.append(
            f"{spells.unknown:,} accounts were there before the tape; when they were opened is not known, and they are "
            "left out."
        )
    if (spells.entry > 0).any():
        said.append(
            "Accounts opened before the tape enter at the age they then had; what they did before is not known."
        )
    if spells.already:
        said.append(f"{spells.already:,} accounts were there already, or gone, when first seen, and are left out.")
    return said


def _between(found, digits=4):
    return f"{found.value:.{digits}f}, {found.low:.{digits}f} to {found.high:.{digits}f}"


def _percent(share):
    return f"{100 * share:.0f} %"


def _names(names):
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
