"""Why a variant differs from the baseline: which mechanisms moved and which did not, in plain sentences.

Each kind of policy has the measures its mechanism must move; a variant is explained by the kinds whose settings it
changes. A movement is stated as a fact only from FACT standard errors on. Sums of measures are paired by replication.
"""

from typing import NamedTuple

import numpy as np

from simulator.analysis.estimates import half_width, mean
from simulator.analysis.measures import ACCOUNTS, MEASURES, TAIL, highest_tail
from simulator.model.layout import CAUSES, LEVELS, PRODUCTS
from simulator.policy.risk_transfer import Partner
from simulator.report import phrasing

FACT = 4  # standard errors from which a movement is a fact and not chance
MAYBE = 2  # standard errors up to which it may well be chance
SMALL = 0.10  # of the movement meant, up to which a movement not meant is called small
MAIN = 0.01  # of the line that moved most, from which another one is named beside it
HARD = ("mean_dpd90_cannot", "mean_dpd90_will_not")
LINES = {  # what profit is made of, in words
    "interest": "interest",
    "fees": "fees",
    "merchant_discount": "merchant discount",
    "net_loss": "net loss",
    "cost": "cost without funding",
    "funding_cost": "funding cost",
}


class Change(NamedTuple):
    """A paired difference from the baseline: value, standard error, half its 95 % interval, the baseline's level."""

    value: float
    se: float  # NaN where one replication alone has the difference
    half: float
    before: float
    unit: str
    before_se: float = 0.0
    replications: int = 1  # of the run

    @property
    def z(self):
        """Return the difference in standard errors; infinity or 0 of one that is the same in all replications, or one.

        NaN where it is not defined.
        """
        if self.se > 0:
            return self.value / self.se
        return self.value * np.inf if self.value else 0.0

    @property
    def moves(self):
        """Return whether the movement is a fact."""
        return bool(abs(self.z) > FACT)

    @property
    def bound(self):
        """Return the largest size of the change that its 95 % interval leaves open."""
        return abs(self.value) + self.half


class Evidence:
    """What a comparison says of one variant."""

    def __init__(self, comparison, variant):
        self.comparison, self.variant, self.frame = comparison, variant, comparison.frame

    def change(self, *measures) -> Change:
        """Return the change of the sum of measures of one unit."""
        unit = MEASURES[measures[0]].unit_in(self.frame)
        if MEASURES[measures[0]].kind == TAIL:  # a tail has no value in each replication
            d = self.comparison.difference(self.variant, measures[0])
            level = self.comparison.estimate(self.comparison.baseline, measures[0])
            half = max(d.high - d.value, d.value - d.low)
            return Change(d.value, d.se, half, level.value, unit, level.se, self.frame.replications)
        return paired(*(self._samples(name, measures) for name in (self.variant, self.comparison.baseline)), unit)

    def money_tied_up(self) -> Change:
        """Return the change of the lender's own balance, the average over all months."""

        def samples(variant):
            balance = self.comparison.ledgers[variant].total("own_balance") / self.frame.minor_units
            return (balance[:, 1:] + balance[:, :-1]).mean(axis=1) / 2

        return paired(samples(self.variant), samples(self.comparison.baseline), self.frame.currency)

    def level(self, *measures) -> str:
        """Return the sum of measures under the variant in words."""
        value, se = mean(self._samples(self.variant, measures))
        return number(float(value), float(se), MEASURES[measures[0]].unit_in(self.frame))

    def mean(self, measure, variant=None) -> float:
        """Return a measure's mean under the variant, or under another lender."""
        return self.comparison.estimate(variant or self.variant, measure).value

    def clause(self, what, *measures, plural=False):
        """Return "net loss falls by CNY 1,234 ± 56 (3.4 %)", that it does not move beyond chance, or is not stated."""
        if self.comparison.unstated(measures[0]):
            return f"{what} {'are' if plural else 'is'} not stated"
        return clause(self.change(*measures), what, plural)

    def _samples(self, variant, measures):
        return sum(self.comparison.samples(variant, measure) for measure in measures)


def paired(after, before, unit) -> Change:
    """Return the change between samples of the same replications."""
    (value, se), (level, level_se) = (map(float, mean(samples)) for samples in (after - before, before))
    return Change(value, se, half_width(after - before), level, unit, level_se, len(before))


def reasons(comparison, variant) -> list[str]:
    """Return the sentences that say why a variant differs, most to the point first."""
    evidence, kinds = Evidence(comparison, variant), changed_kinds(comparison, variant)
    names = listed([kind.replace("_", " ") for kind in kinds])
    if comparison.is_same(variant):
        changed = f"changes {names}, to no effect" if kinds else "changes nothing that is in force"
        return [f"It {changed}: every measure is exactly that of {comparison.baseline}."]
    explained = [WHY[kind] for kind in kinds if kind in WHY] or [by_line]
    said = [
        sentence if sentence.startswith((f"{variant} declines ", f"{variant} takes ")) else capital(sentence)
        for why in explained
        for sentence in why(evidence)
    ]
    if len(kinds) > 1:
        said.append(f"It changes {names} at once: the sentences say what moved, not which of them moved it.")
    return [*said, *by_cause(evidence)]


def changed_kinds(comparison, variant) -> list[str]:
    """Return the kinds of the policies in force that differ from the baseline's, in the order of the file."""

    def in_force(name):
        return {key: policy for key, policy in comparison.policies.get(name, {}).items() if policy.enabled}

    before, after = in_force(comparison.baseline), in_force(variant)
    differ = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return list(dict.fromkeys((after.get(key) or before[key]).kind for key in differ))


# ---- words ---------------------------------------------------------------------------------------


def number(value, se, unit, difference=False):
    """Return a value in words; a count without its unit, which the sentence says."""
    if unit != ACCOUNTS or not np.isfinite(value):
        return phrasing.number(value, se, unit, difference)
    return phrasing.NO_BREAK.join(filter(None, phrasing.count(value, se, difference)))


def clause(change, what, plural=False):
    """Return one clause on whether and by how much something moved."""
    be, do, s = ("are", "do", "") if plural else ("is", "does", "s")
    if not np.isfinite(change.value):
        return f"{what} {be} not defined"
    if change.value == 0 and not change.se > 0:
        return f"{what} {be} exactly the same"
    if not np.isfinite(change.se) and change.replications > 1:
        return f"{what} {be} known from one replication only ({number(change.value, change.se, change.unit, True)})"
    if not change.moves:
        by = number(change.value, change.se, change.unit, True)
        if abs(change.z) > MAYBE:
            return f"{what} may {'rise' if change.value > 0 else 'fall'} ({by})"
        return f"{what} {do} not move beyond chance ({by})"
    share = ""
    if not change.unit.startswith("share"):
        share = phrasing.per_cent_of(change.value, change.before, change.before_se)
        share = share and f" ({share})"
    verb = f"rise{s}" if change.value > 0 else f"fall{s}"
    by = number(abs(change.value), change.se, change.unit)
    if change.unit.startswith("share"):
        by = phrasing.number(abs(change.value), change.se, change.unit, True).removeprefix("+")
    return f"{what} {verb} by {by}{share}"


def capital(text):
    """Return a sentence with a capital."""
    return text[:1].upper() + text[1:]


def listed(names):
    """Return "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def per_cent(share):
    """Return a share with two digits that count."""
    return f"{phrasing.plain(100 * share, 0 if share >= 0.1 else 1)}{phrasing.NO_BREAK}%"


# ---- by policy -----------------------------------------------------------------------------------


def forgetting(e, tool):
    """Yield what a reminder or autopay does: forgotten dues move, hard default should not."""
    overdue, hard = e.change("mean_dpd30_forgot"), e.change(*HARD)
    dues = e.clause("dues missed because forgotten", "n_missed_forgot", plural=True)
    late = clause(overdue, "accounts 30 or more days overdue for that reason, on average,", True)
    yield f"{tool} acts on forgetting: {dues}; {late}."
    parts = {cause: e.change(f"mean_dpd90_{cause}") for cause in ("cannot", "will_not")}
    each = ", ".join(f"{phrasing.CAUSES[cause]} {number(c.value, c.se, c.unit, True)}" for cause, c in parts.items())
    whole = clause(hard, "accounts 90 or more days overdue for want of means or will", True)
    x = hard.bound / abs(overdue.value) if overdue.moves else np.nan
    if not np.isfinite(x):  # nothing to bound it by, or one replication, which bounds nothing
        yield f"{whole}: {each}."
        return
    if x > phrasing.FOLD:
        yield f"{whole}: {each}. That is not shown to be smaller than the change in forgotten overdue."
        return
    verdict = "within" if x <= SMALL else "not shown to be within"
    yield (
        f"{whole}: {each}. With 95{phrasing.NO_BREAK}% confidence that is at most {per_cent(x)} of the change in "
        f"forgotten overdue, {verdict} {per_cent(SMALL)} of it."
    )


def reminders(e):
    """Yield why reminders moved what they moved."""
    yield from forgetting(e, "the reminder")
    yield f"{e.clause('the cost of reminders', 'reminder_cost')}; {e.clause('net loss', 'net_loss')}."


def autopay(e):
    """Yield why autopay moved what it moved."""
    yield from forgetting(e, "autopay")
    short = e.clause("dues missed for want of cash", "n_missed_short", "n_missed_cannot", plural=True)
    yield f"Autopay collects only where cash is there: {short}."


def limit_cut(e):
    """Yield exposure, liquidity and line income: the three sides of a limit cut."""
    defaults = e.clause("defaults", "n_default", plural=True)
    yield f"exposure: {e.clause('the mean balance at default', 'ead')}; {defaults}."
    who = "dues missed for want of cash by those who usually spend half of their limit or more"
    short = e.clause(who, "n_missed_short_high_use", plural=True)
    yield f"liquidity: {short}; {e.clause('all dues missed for want of cash', 'n_missed_short', plural=True)}."
    income = e.clause("interest and merchant discount", "interest", "merchant_discount", plural=True)
    yield f"the net: {income}, {e.clause('net loss', 'net_loss')}, {value(e)}."


def closure(e):
    """Yield what closing costs, good customers who forgot a bill; or what freezing alone is for."""
    if e.mean("n_closures"):
        yield from closures(e)
    else:
        frozen = e.level("n_frozen") if e.mean("n_frozen") else "no"
        yield (
            f"exposure: {e.clause('the mean balance at default', 'ead')}; {frozen} accounts are frozen at the end of "
            "lending, and none is closed for lateness."
        )
    yield f"{e.clause('new credit', 'new_credit')}; {e.clause('net loss', 'net_loss')}."


def closures(e):
    """Yield how many accounts are closed, and what is known of the reason why they were late."""
    every, unknown = (e.comparison.samples(e.variant, name) for name in ("n_closures", "n_closures_unknown"))
    if (every == unknown).all():
        yield f"{e.level('n_closures')} accounts are closed; of none is it known why they were late."
        return
    yield (
        f"{e.level('n_closures')} accounts are closed, {e.level('n_closures_good')} of them of good customers (the "
        f"better half by quality, which no lender sees); {e.level('n_closures_forgot')} are closed after a forgotten "
        f"bill, {e.level('n_closures_good_forgot')} of those of good customers."
    )
    if unknown.any():
        yield f"of {e.level('n_closures_unknown')} closed accounts it is not known why they were late."


def bureau(e):
    """Yield willingness before a report, credit elsewhere after it."""
    yield f"before the report, willingness: {e.clause('dues refused', 'n_missed_will_not', plural=True)}."
    used = e.clause("what is borrowed elsewhere to pay dues", "outside_used")
    refused = e.clause("what borrowers on record wanted elsewhere and did not get", "outside_refused")
    short = e.clause("dues missed for want of cash", "n_missed_short", "n_missed_cannot", plural=True)
    yield f"after it, credit elsewhere: {used}; {refused}; {short}."
    yield f"{e.level('n_reported')} borrowers are reported; {e.clause('net loss', 'net_loss')}."


def credit_insurance(e):
    """Yield the mean cost of cover against its relief in the tail."""
    cost = e.clause("premiums less what insurers lose and fund", "insurer_result", plural=True)
    yield f"the mean: {cost}; {value(e)}."
    if worst := highest_tail(e.frame, "es", "_own"):
        tail, mean_loss = e.change(worst), e.change("own_net_loss")
        bad = clause(tail, f"the {phrasing.label(worst)}")
        yield f"the tail: {bad}, while {clause(mean_loss, 'the mean own net loss')}."


def joint_lending(e):
    """Yield what is left of loss and income with a partner."""
    yield f"{e.clause('the own net loss', 'own_net_loss')}; {value(e)}."
    yield f"{e.clause('what partners earn', 'partner_profit')}; they pay {e.level('partner_fee')} for the work."
    ledger = e.comparison.ledgers[e.variant]
    if not ledger["partner_bought"].any():
        return
    for partner in ledger.settlement.transfers:
        if isinstance(partner, Partner) and partner.late_price:
            prices = (
                f"of {name}s at {listed([phrasing.plain(100 * price, 1) for price in partner.late_price[k]])} per cent"
                for k, name in enumerate(PRODUCTS)
                if k in partner.products and name in e.frame.products
            )
            yield f"late debt changes hands, one due late, two, and in default, {listed(list(prices))} of the balance."


def write_off(e):
    """Yield the stock that the rule moves against the loss that it does not."""
    stock, loss = e.change("stage3_balance"), e.change("net_present_loss")
    if loss.moves or not loss.se > 0:
        against = e.clause("net present loss", "net_present_loss")
    else:
        change = number(loss.value, loss.se, loss.unit, True)
        against = f"net present loss changes by 0 within {FACT} standard errors ({change})"
    yield f"{clause(stock, 'the stock of 90 days and more')} at the end of lending; {against}."
    yield f"{e.clause('the net loss booked', 'net_loss')}; {e.clause('what is recovered', 'recovered')}."


def npl_sale(e):
    """Yield cash now against recoveries later."""
    price = e.clause("proceeds of sales", "sold_open_proceeds", "sold_written_off_proceeds", plural=True)
    later = e.clause("recoveries", "recovered", plural=True)
    kept = e.clause("commission and the cost of collecting", "commission", "recovery_cost", plural=True)
    yield f"cash now against cash later: {price}, {later}, {kept}."
    yield f"discounted, {e.clause('net present value', 'npv')}; {e.clause('net loss', 'net_loss')}."


def regrant(e):
    """Yield who returns, and how they do."""
    yield f"{e.level('n_regranted')} closed accounts are opened again; {e.clause('new credit', 'new_credit')}."
    defaults = e.clause("first defaults", "n_default", plural=True)
    yield f"{defaults}, {e.clause('net loss', 'net_loss')}, {value(e)}."


def hardship(e):
    """Yield re-default of plans, and their value against collecting."""
    broken = e.comparison.estimate(e.variant, "redefault_rate")
    share = phrasing.number(broken.value, broken.se, "share")
    forgiven = f"; {e.level('forgiven')} is forgiven" if e.mean("forgiven") else ""
    yield f"{e.level('n_plans')} plans are begun and {share} of them broken{forgiven}."
    yield f"against collecting: {e.clause('net loss', 'net_loss')}, {e.clause('net present value', 'npv')}."


def collections(e):
    """Yield what each level collects and costs, and from which level on it costs more than it collects."""
    policies = e.comparison.policies[e.variant].values()
    ladders = [policy.levels for policy in policies if policy.kind == "collections" and policy.enabled]
    told, dear = [], None
    for name in LEVELS:
        terms = {(levels[name].cost, levels[name].commission) for levels in ladders if name in levels}
        contacts, collected = e.mean(f"n_contacts_{name}"), e.mean(f"collected_{name}")
        if len(terms) != 1 or not contacts:  # without one price for the level its cost is not known apart
            continue
        cost, commission = terms.pop()
        spent = contacts * cost + collected * commission
        price = (
            f"{e.frame.currency}{phrasing.NO_BREAK}{phrasing.plain(spent / collected, 3)}" if collected else "no end"
        )
        told.append(f"{name} {e.level(f'n_collected_{name}')} dues paid, at {price}")
        if dear is None and spent >= collected:
            dear = name
    if told:
        stops = f"{dear} costs more than it collects" if dear else "no level costs more than it collects"
        yield f"dues paid on a contact, and cost per {e.frame.currency} collected: {'; '.join(told)}. {capital(stops)}."
    costs = e.clause("contacts cost: their sum", "contact_cost")
    yield f"{costs}; {e.clause('net loss', 'net_loss')}, {e.clause('net present value', 'npv')}."


def pricing(e):
    """Yield income against the strain that prices put on borrowers."""
    income = e.clause("interest", "interest")
    short = e.clause("dues missed for want of cash", "n_missed_short", "n_missed_cannot", plural=True)
    yield f"{income}; {value(e)}."
    yield f"the strain: {short}; {e.clause('net loss', 'net_loss')}."


def underwriting(e):
    """Yield the swap sets: loss avoided against good business lost."""
    comparison, variant, sides = e.comparison, e.variant, e.comparison.sides(e.variant)
    moved = f"{e.clause('new credit', 'new_credit')}, {e.clause('net loss', 'net_loss')}, {value(e)}"
    if comparison.reads_book(variant):
        declined = e.clause("applications declined", "n_declined", plural=True)
        yield f"swap sets are not worked out where a policy reads last month's book: {declined}; {moved}."
    elif not sides:
        yield f"nobody is swapped: {moved}."

    def told(side, measure):
        estimate = comparison.swapped(variant, side, measure)
        return number(*estimate, MEASURES[measure].unit_in(e.frame))

    def brought(side, what):
        """Return what the accounts bring, in profit and, where the run states it, in net present value."""
        npv = "" if comparison.unstated("npv") else f", net present value {what}: {told(side, 'npv')}"
        return f"profit {what}: {told(side, 'profit')}{npv}"

    if "out" in sides:
        yield (
            f"{variant} declines {told('out', 'n_granted')} accounts that {comparison.baseline} takes: "
            f"{told('out', 'default_rate')} of them would have defaulted. Net loss avoided: {told('out', 'net_loss')}; "
            f"{brought('out', 'given up')}, with {told('out', 'n_never_default')} accounts that never default."
        )
    if "into" in sides:
        yield (
            f"{variant} takes {told('into', 'n_granted')} accounts that {comparison.baseline} declines: "
            f"{told('into', 'default_rate')} of them default. Net loss added: {told('into', 'net_loss')}; "
            f"{brought('into', 'won')}."
        )
    if len(sides) == 2:
        out, into = (comparison.swap_samples(variant, side, "default_rate") for side in ("out", "into"))
        gap = Change(*map(float, mean(into - out)), half_width(into - out), float(mean(out).value), "share")
        yield f"from those declined to those taken instead, {clause(gap, 'the default rate')}."


def value(e):
    """Return the clauses on profit and net present value, and what sets them apart where it is the money tied up."""
    said = f"{e.clause('profit', 'profit')}, {e.clause('net present value', 'npv')}"
    profit, npv, tied = e.change("profit"), e.change("npv"), e.money_tied_up()
    if not (npv.moves and profit.moves and tied.moves) or npv.value * profit.value > 0 or npv.value * tied.value > 0:
        return said
    rates = e.comparison.ledgers[e.variant].settlement
    to_value, to_profit = (per_cent(rate) for rate in (rates.discount_rate, rates.funding_rate))
    return (
        f"{said}; {'less' if tied.value < 0 else 'more'} of the lender's own money is tied up "
        f"({number(tied.value, tied.se, tied.unit, True)} on average), worth the discount rate of {to_value} a year to "
        f"net present value and the funding rate of {to_profit} to profit"
    )


def by_line(e):
    """Yield which lines of income and cost moved, the largest first: what is known of any variant.

    Without those that moved by next to nothing beside the largest.
    """
    changes = {name: e.change(name) for name in LINES}
    if e.frame.transfers:
        changes |= {name: e.change(name) for name in ("insurer_result", "partner_profit")}
    moved = sorted((name for name in changes if changes[name].moves), key=lambda name: -abs(changes[name].value))
    if moved:
        main = [name for name in moved if abs(changes[name].value) >= MAIN * abs(changes[moved[0]].value)]
        yield f"{'; '.join(clause(changes[name], LINES.get(name, phrasing.label(name))) for name in main)}."
    elif any(change.se > 0 for change in changes.values()):
        yield f"no line of income or cost moves by more than {FACT} standard errors."
    else:
        yield "every line of income and cost is exactly the same."
    yield f"{value(e)}."


def by_cause(e):
    """Yield by which causes bad debt moved."""
    changes = {cause: e.change(f"bad_debt_{cause}") for cause in CAUSES}
    moved = [
        f"{phrasing.CAUSES[cause]} {number(c.value, c.se, c.unit, True)}" for cause, c in changes.items() if c.moves
    ]
    still = [phrasing.CAUSES[cause] for cause, c in changes.items() if not c.moves and c.se > 0]
    if not any(c.value or c.before for cause, c in changes.items() if cause != "unknown"):
        yield "The causes of the net loss are not known in this book."
    elif moved:
        rest = f"; {FACT} standard errors are not reached for {listed(still)}" if still else ""
        yield f"Net loss by cause: {', '.join(moved)}{rest}."
    elif all(c.value == 0 and not c.se > 0 for c in changes.values()):
        yield "Net loss is exactly the same for every cause: no borrower notices."
    elif still and e.change("net_loss").moves:
        yield f"Net loss moves by more than {FACT} standard errors for no single cause."


def rating_power(comparison):
    """Return one sentence on how well grade and score rank who defaults; empty where nothing was rated."""
    grade, score = (comparison.estimate(comparison.baseline, name) for name in ("gini_grade", "gini_score"))
    if not np.isfinite([grade.value, score.value]).all():
        return ""
    return (
        "The grade, from an account's record with the lender only, ranks who defaults within 12 months with a Gini of "
        f"{phrasing.number(*grade, 'ratio')}; the application score with {phrasing.number(*score, 'ratio')} "
        "(1: without fault, 0: not at all)."
    )


WHY = {
    function.__name__: function
    for function in (
        *(reminders, autopay, limit_cut, closure, bureau, credit_insurance, joint_lending, write_off),
        *(npl_sale, regrant, hardship, collections, pricing, underwriting),
    )
}
